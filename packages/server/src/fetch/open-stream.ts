// One response of the Fetch API with the application's own events.

import type { EventStream } from '../own-stream/event-stream.ts'
import { readDoorOptions } from '../request/require-stream.ts'
import { SinkStream } from '../own-stream/sink-stream.ts'
import { streamHeaders } from '../request/stream-headers.ts'
import { readStreamOptions, streamOptionNames } from '../own-stream/stream-options.ts'
import type { StreamOptions, StreamSettings } from '../own-stream/stream-options.ts'
import { requireRequest } from './require-request.ts'
import { StreamSink } from './stream-sink.ts'

/** An open stream, and the response that carries it. */
export interface FetchStream extends EventStream {
  /** To be given back to the framework. Headers may be added to it before. */
  readonly response: Response
}

/**
 * Opens a stream of the application's own events as the answer to a request: in Hono, Next.js, Bun, Deno and
 * Workers. Nothing is compressed, and nothing is kept for a client that comes back.
 * @throws ServerError `OPTION_INVALID`
 *
 * @example
 * ```ts
 * import { openStream } from '@tidemark/server/fetch'
 * import type { EventStream } from '@tidemark/server/fetch'
 *
 * export function GET(request: Request): Response {
 *  const stream = openStream(request)
 *  void countDown(stream)
 *  return stream.response
 * }
 *
 * async function countDown(stream: EventStream): Promise<void> {
 *  for (let left = 3; left > 0; left--) await stream.send({ type: 'left', data: left })
 *  await stream.close()
 * }
 * ```
 */
export function openStream(request: Request, options?: StreamOptions): FetchStream {
  requireRequest(request, 'openStream')
  return new FetchSinkStream(
    request,
    readStreamOptions(readDoorOptions(options, streamOptionNames)),
  )
}

class FetchSinkStream extends SinkStream implements FetchStream {
  readonly response: Response

  constructor(request: Request, settings: StreamSettings) {
    super(settings, request.headers.get('last-event-id') ?? undefined)
    if (request.method === 'HEAD') {
      this.response = new Response(null, { headers: streamHeaders })
      this.end()
      return
    }
    const sink = new StreamSink(request)
    this.response = new Response(sink.body, { headers: streamHeaders })
    this.begin(sink)
  }
}
