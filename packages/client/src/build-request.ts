// One subscription request: docs/PROTOCOL.md, `GET /events` and `POST /events`.

import { urlLengthMax } from './limits.ts'

/** What a feed asks for, on every attempt. */
export interface Subscription {
  readonly endpoint: URL
  /** Empty: the URL says it all, and goes out as it is. */
  readonly topics: readonly string[]
  /** Where to start without a cursor. */
  readonly since: string | undefined
}

/** A request ready for `fetch`. */
export interface PlannedRequest {
  readonly url: string
  readonly init: RequestInit
}

/** The field lines of {@link FeedEvent}'s members that plain SSE has no place for. */
const fields = ['topic', 'key', 'time']

/** Adds to `headers` what the protocol needs. Topics too long for a URL go into a POST body. */
export function buildRequest(
  { endpoint, topics, since }: Subscription,
  cursor: string,
  headers: Headers,
): PlannedRequest {
  headers.set('accept', 'text/event-stream, application/problem+json')
  if (cursor !== '') headers.set('last-event-id', toByteString(cursor))
  const start = cursor === '' ? since : undefined
  const url = new URL(endpoint)
  if (topics.length > 0) {
    for (const topic of topics) url.searchParams.append('topic', topic)
    url.searchParams.set('fields', fields.join(','))
  }
  if (start !== undefined) url.searchParams.set('since', start)
  if (topics.length === 0 || url.href.length <= urlLengthMax) {
    return { url: url.href, init: { headers, cache: 'no-store' } }
  }
  headers.set('content-type', 'application/json')
  const body = JSON.stringify({ topics, fields, since: start })
  return { url: endpoint.href, init: { method: 'POST', headers, body, cache: 'no-store' } }
}

/** A header carries bytes: the id's UTF-8 with one character per byte, as EventSource sends it. */
function toByteString(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text))
}
