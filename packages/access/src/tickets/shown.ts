// How a stream that comes back is told from somebody else who has seen its URL.

import { createHash } from 'node:crypto'
import { parseCursor } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import type { RequestFacts } from '@tidemark/server'

/**
 * A hash of what each request of a stream shows: its user agent and its URL. Not the topics, which a session
 * may have changed since, nor the address, which changes with the network of a phone.
 */
export function describeStream(request: RequestFacts): string {
  const { url } = request
  const parts = [request.header('user-agent') ?? '', ...withoutCursor(url)]
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}

/** The cursor may stand in the URL, where it changes from one reconnect to the next. */
function withoutCursor(url: string): readonly string[] {
  const { path, query } = splitUrl(url)
  const kept = [...query].filter(([name]) => name !== cursorName)
  return [path, ...kept.flat()]
}

/**
 * How far the stream of a request has come; undefined: it does not say. Everything that a stream is told
 * carries a cursor, and a URL does not show it.
 */
export function readShownCursor(request: RequestFacts): Position | undefined {
  const header = request.header('last-event-id')
  const text =
    header === undefined || header === '' ? splitUrl(request.url).query.get(cursorName) : header
  // A proxy may have doubled the header field.
  const [first = ''] = (text ?? '').split(',')
  return parseCursor(first.trim())?.position
}

const cursorName = 'lastEventId'

/** A URL without an authority, taken apart. No message quotes it: a credential may stand in it. */
export function splitUrl(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const at = url.indexOf('?')
  if (at === -1) return { path: url, query: new URLSearchParams() }
  return { path: url.slice(0, at), query: new URLSearchParams(url.slice(at + 1)) }
}
