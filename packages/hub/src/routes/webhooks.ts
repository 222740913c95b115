// `/admin/webhooks`: the webhooks, their last attempts, and going on from another place.

import { quoteValue } from '@tidemark/wire/values'
import { HubError } from '../errors.ts'
import { parseJson } from '../parse-json.ts'
import { readQuery } from './query.ts'
import { sendJson } from './route.ts'
import type { Route } from './route.ts'

/** Answers `{webhooks}`. */
export const listWebhooks: Route = async ({ response, query }, { webhooks }) => {
  readQuery(query, [])
  sendJson(response, 200, { webhooks: webhooks.list() })
}

/** Answers `{deliveries}`: the last attempts of one, the newest first. */
export const listWebhookDeliveries: Route = async ({ response, query, parts }, { webhooks }) => {
  readQuery(query, [])
  const deliveries = await webhooks.deliveries(parts['id'] ?? '')
  sendJson(response, 200, { deliveries })
}

/** Has one go on from another place, by a body `{from}`. */
export const replayWebhook: Route = async ({ request, response, query, parts }, context) => {
  readQuery(query, [])
  const id = parts['id'] ?? ''
  const from = await context.bodies.read(request, (text) =>
    context.webhooks.replay(id, readFrom(parseJson(text))),
  )
  sendJson(response, 202, { id, from })
}

function readFrom(body: unknown): unknown {
  const members = typeof body === 'object' && body !== null ? Object.entries(body) : []
  const { from, ...rest } = Object.fromEntries(members) as Readonly<Record<string, unknown>>
  if (from !== undefined && Object.keys(rest).length === 0) return from
  throw new HubError(
    'WEBHOOK_REPLAY_INVALID',
    `The body must be such as {"from":"earliest"}; got ${quoteValue(body)}.`,
  )
}
