// One subscription request: docs/PROTOCOL.md, `GET /events` and `POST /events`.

import { encodeLastEventId } from './last-event-id.ts'
import { urlLengthMax } from './limits.ts'
import type { PlannedRequest } from './send-request.ts'
import type { Wishes } from './wishes.ts'

/** The subscription that a feed asks for, on every attempt. */
export interface Subscription {
  readonly endpoint: URL
  /** Empty: the URL says it all, and goes out as it is. */
  readonly topics: readonly string[]
  /** Where to start without a cursor. */
  readonly since: string | undefined
  readonly wishes: Wishes
}

/** A request for a stream. */
export interface StreamRequest extends PlannedRequest {
  /** The cursor cannot be sent: what follows begins elsewhere. */
  readonly isPlaceLost: boolean
}

/** The field lines of {@link FeedEvent}'s members that plain SSE has no place for. */
const fields = ['topic', 'key', 'time', 'tags']

/** Adds to `headers` what the protocol needs. Texts that no URL takes go into a POST body. */
export function buildRequest(
  { endpoint, topics, since, wishes }: Subscription,
  cursor: string,
  headers: Headers,
): StreamRequest {
  headers.set('accept', 'text/event-stream, application/problem+json')
  const lastEventId = cursor === '' ? undefined : encodeLastEventId(cursor)
  if (lastEventId !== undefined) headers.set('last-event-id', lastEventId)
  const isPlaceLost = cursor !== '' && lastEventId === undefined
  // A cursor that cannot be sent is treated as the hub treats one that it cannot read.
  const start = lastEventId === undefined ? since : undefined
  const url = new URL(endpoint)
  if (topics.length > 0) {
    for (const topic of topics) url.searchParams.append('topic', topic)
    url.searchParams.set('fields', fields.join(','))
  }
  if (start !== undefined) url.searchParams.set('since', start)
  for (const [name, text] of wishes.pairs) url.searchParams.append(name, text)
  if (topics.length === 0 || (url.href.length <= urlLengthMax && !wishes.isForBody)) {
    return { url: url.href, init: { headers, cache: 'no-store' }, isPlaceLost }
  }
  headers.set('content-type', 'application/json')
  const body = JSON.stringify({
    topics,
    fields,
    since: start,
    ...(JSON.parse(wishes.body) as object),
  })
  const init = { method: 'POST', headers, body, cache: 'no-store' as const }
  return { url: endpoint.href, init, isPlaceLost }
}
