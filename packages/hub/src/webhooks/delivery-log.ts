// The last attempts of each webhook: records of `$hub/webhooks/<id>`, of which retention keeps a hundred.

import { parseTopic, parseTopicSet } from '@tidemark/log'
import type { EventLog, NewEvent } from '@tidemark/log'
import { deliveriesListedMax } from './limits.ts'
import type { Delivery } from './sender.ts'

const prefix = '$hub/webhooks/'

/** Keeps attempts. */
export async function keepDeliveries(
  log: EventLog,
  id: string,
  deliveries: readonly Delivery[],
): Promise<void> {
  const topic = parseTopic(prefix + id)
  const events = deliveries.map((delivery): NewEvent => ({
    topic,
    type: 'delivery',
    data: JSON.stringify(delivery),
  }))
  if (events.length > 0) await log.append({ events })
}

/** The last attempts, the newest first. */
export async function listDeliveries(log: EventLog, id: string): Promise<readonly unknown[]> {
  const topics = parseTopicSet([prefix + id])
  const { head: upTo } = await log.bounds()
  let after = await log.locate({ topics, since: { kind: 'last', count: deliveriesListedMax } })
  const found: unknown[] = []
  for (;;) {
    const { records, next } = await log.read({ topics, after, upTo, limit: deliveriesListedMax })
    if (records.length === 0) return found.toReversed()
    found.push(...records.map(({ data }) => JSON.parse(data) as unknown))
    after = next
  }
}
