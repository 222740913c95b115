// From a request to a stream that is certainly one, or to the error that says why not.

import type { PlannedRequest } from './build-request.ts'
import type { Clock } from './clock.ts'
import { ClientError } from './errors.ts'
import { describe } from './headers.ts'
import type { Fetch } from './headers.ts'
import { quote } from './quote.ts'
import { readRefusal } from './read-refusal.ts'

/**
 * Sends the request. Aborting `signal` ends the wait, and the stream that came of it.
 * @throws ClientError `CONNECTION_FAILED`, `SERVER_UNAVAILABLE` (passing), `REFUSED`, `STREAM_STOPPED`,
 * `CONTENT_TYPE_WRONG` (lasting), or the signal's reason
 */
export async function openStream(
  { url, init }: PlannedRequest,
  { fetch, clock }: { readonly fetch: Fetch; readonly clock: Clock },
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const response = await request()
  if (response.status === 204) {
    throw new ClientError(
      'STREAM_STOPPED',
      'The server answered 204: it has nothing more to send.',
      {
        status: 204,
      },
    )
  }
  if (!response.ok) throw await readRefusal(response, clock)
  const type = response.headers.get('content-type') ?? ''
  if (!/^text\/event-stream\s*(;|$)/i.test(type)) {
    await response.body?.cancel().catch(() => undefined)
    throw new ClientError(
      'CONTENT_TYPE_WRONG',
      `The answer must be text/event-stream; got ${quote(type)}. Check the URL, and proxies that answer in the server's place.`,
      { status: response.status },
    )
  }
  if (response.body === null) throw new ClientError('CONNECTION_ENDED', 'The answer has no body.')
  return response.body

  async function request(): Promise<Response> {
    try {
      return await fetch(url, { ...init, signal })
    } catch (cause) {
      signal.throwIfAborted()
      throw new ClientError(
        'CONNECTION_FAILED',
        `The server cannot be reached: ${describe(cause)}.`,
        {
          cause,
        },
      )
    }
  }
}
