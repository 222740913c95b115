// Fetches a small text from a URL of the configuration: bounded in size and time, and from nowhere else.

import type { Clock } from '@tidemark/log'
import { keySetBytesMax, keyUrlMsMax } from '../limits.ts'

/** The platform's `fetch`, or one like it. */
export type Fetch = (url: URL, init: RequestInit) => Promise<Response>

/** Where a text is fetched. */
export interface FetchHost {
  readonly fetch: Fetch
  readonly clock: Clock
  /** Aborted when nobody wants it any more. */
  readonly signal: AbortSignal
}

/**
 * Follows no redirect: it would lead to a place that nobody has configured.
 * @throws Error that says what the server did
 */
export async function fetchText(url: URL, host: FetchHost): Promise<string> {
  const controller = new AbortController()
  const stop = (): void => controller.abort()
  const timer = host.clock.after(keyUrlMsMax, stop)
  host.signal.addEventListener('abort', stop)
  try {
    return await readText(url, host.fetch, controller.signal)
  } finally {
    timer.cancel()
    host.signal.removeEventListener('abort', stop)
  }
}

async function readText(url: URL, fetch: Fetch, signal: AbortSignal): Promise<string> {
  const response = await request(url, fetch, signal)
  if (response.status !== 200) {
    await response.body?.cancel()
    const hint =
      response.status >= 300 && response.status < 400 ? ' A redirect is not followed.' : ''
    throw new Error(`The answer has the status ${response.status}; 200 is wanted.${hint}`)
  }
  return readBody(response, signal)
}

async function request(url: URL, fetch: Fetch, signal: AbortSignal): Promise<Response> {
  const headers = { Accept: 'application/jwk-set+json, application/json' }
  try {
    return await fetch(url, { redirect: 'manual', signal, headers })
  } catch (cause) {
    throw describeFailure(cause, signal)
  }
}

async function readBody(response: Response, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length
      if (bytes > keySetBytesMax) break
      chunks.push(chunk)
    }
  } catch (cause) {
    throw describeFailure(cause, signal)
  }
  if (bytes > keySetBytesMax) throw new Error(`The answer has more than ${keySetBytesMax} bytes.`)
  return Buffer.concat(chunks).toString('utf8')
}

function describeFailure(cause: unknown, signal: AbortSignal): Error {
  if (signal.aborted) return new Error(`There is no answer within ${keyUrlMsMax} ms.`, { cause })
  // Undici says what happened in the cause only.
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  // One line: those of TLS end with a break.
  const reason = (inner instanceof Error ? inner.message : String(inner)).replaceAll(/\s+/g, ' ')
  return new Error(`It cannot be reached: ${reason.trim()}.`, { cause })
}
