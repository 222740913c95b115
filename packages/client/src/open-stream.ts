// From a request to a stream that is certainly one, or to the error that says why not.

import { quote } from '@tidemark/wire/values'
import type { Clock } from './clock.ts'
import { ClientError } from './errors.ts'
import { readRefusal } from './read-refusal.ts'
import { discard, sendRequest } from './send-request.ts'
import type { PlannedRequest, Sending } from './send-request.ts'

/**
 * Sends the request. Aborting the signal ends the wait, and the stream that came of it.
 * @throws ClientError what `sendRequest` throws, `SERVER_UNAVAILABLE` (passing), `REFUSED`, `STREAM_STOPPED`,
 * `STATUS_WRONG`, `CONTENT_TYPE_WRONG` (lasting), or the signal's reason
 */
export async function openStream(
  request: PlannedRequest,
  sending: Sending & { readonly clock: Clock },
): Promise<ReadableStream<Uint8Array>> {
  const response = await sendRequest(request, sending)
  const { status } = response
  if (status >= 400) throw await readRefusal(response, sending)
  const fault = findFault(response)
  if (fault !== undefined) {
    discard(response)
    throw fault
  }
  if (response.body === null) throw new ClientError('CONNECTION_ENDED', 'The answer has no body.')
  return response.body
}

/** WHATWG HTML §9.2.2: a stream is an answer of 200 and of the one content type. */
function findFault({ status, headers }: Response): ClientError | undefined {
  if (status === 204) {
    const said = 'The server answered 204: it has nothing more to send.'
    return new ClientError('STREAM_STOPPED', said, { status })
  }
  if (status !== 200) {
    return new ClientError(
      'STATUS_WRONG',
      `The answer must be 200; got ${status}, which is no stream and no refusal. Check the URL, and proxies that answer in the server's place.`,
      { status },
    )
  }
  const type = headers.get('content-type') ?? ''
  if (/^text\/event-stream\s*(;|$)/i.test(type)) return undefined
  return new ClientError(
    'CONTENT_TYPE_WRONG',
    `The answer must be text/event-stream; got ${quote(type)}. Check the URL, and proxies that answer in the server's place.`,
    { status },
  )
}
