// Reads a data directory from its beginning to its end, once nobody serves it any more.

import { decodeStream } from '@tidemark/wire'
import { startHubProcess } from '../hub-process.ts'
import type { ReceivedEvent } from '../traffic/history.ts'
import { readReceived } from '../traffic/read-received.ts'
import { wholeLog } from '../traffic/subscription.ts'
import { Branch, epochOf } from './branch.ts'

/** Published at the end, so that it is known when everything before it has come. */
const lastTopic = 'autopsy'

/** Each start of a hub leaves a probe. The hub keeps 100, more than the starts and probes of one run. */
const probeTopic = '$hub/probe'

/** Starts a hub on the directory for it. */
export async function readBranch(number: number, dataDirectory: string): Promise<Branch> {
  const hub = await startHubProcess({ dataDirectory })
  try {
    const sent = await fetch(`${hub.url}/topics/${lastTopic}`, { method: 'POST', body: '' })
    if (sent.status !== 200) throw new Error(`The last event was answered ${sent.status}.`)
    const query = new URLSearchParams({ since: 'earliest' })
    for (const topic of ['**', probeTopic]) query.append('topic', topic)
    const { body } = await fetch(`${hub.url}/events?${query}`)
    if (body === null) throw new Error('The stream has no body.')
    const records: ReceivedEvent[] = []
    const epochs: string[] = []
    for await (const event of decodeStream(body)) {
      const topic = event.fields?.get('topic')
      if (topic === lastTopic) return new Branch(number, records, epochs)
      if (topic === undefined) continue
      epochs.push(epochOf(event.id))
      if (!topic.startsWith('$')) records.push(...readReceived(event, wholeLog))
    }
    throw new Error(`The stream of history ${number} ended early; its hub wrote: ${hub.output}`)
  } finally {
    await hub.stop()
  }
}
