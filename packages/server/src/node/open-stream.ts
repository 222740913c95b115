// One response of Node's HTTP servers with the application's own events.

import { acceptsGzip } from '../request/accept-encoding.ts'
import { ServerError } from '../errors.ts'
import type { EventStream } from '../own-stream/event-stream.ts'
import { quoteValue } from '@tidemark/wire/values'
import { readDoorOptions } from '../request/require-stream.ts'
import { SinkStream } from '../own-stream/sink-stream.ts'
import { streamHeaders } from '../request/stream-headers.ts'
import { readStreamOptions, streamOptionNames } from '../own-stream/stream-options.ts'
import type { StreamOptions } from '../own-stream/stream-options.ts'
import { isHttp2, readHeader } from './exchange.ts'
import type { NodeRequest, NodeResponse } from './exchange.ts'
import { compressGzip } from './gzip-sink.ts'
import { forwardDestroy } from './forward-destroy.ts'
import { openSink } from './open-sink.ts'
import { requireExchange } from './require-exchange.ts'
import { hasTurn, isInTurn } from './response-turn.ts'
import { sendStreamHead } from './stream-head.ts'

/** How a stream is made. */
export interface OpenStreamOptions extends StreamOptions {
  /**
   * Whether to compress (gzip) if the client accepts it. Default true; not where middleware has wrapped the
   * response.
   */
  readonly compression?: boolean | undefined
}

/**
 * Opens a stream of the application's own events as the answer to a request of `node:http`, `node:https` or
 * `node:http2`. Nothing is kept for a client that comes back. Ending or destroying the response ends the
 * stream.
 * @throws ServerError `OPTION_INVALID`, `RESPONSE_UNUSABLE`
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { openStream } from '@tidemark/server/node'
 *
 * createServer((request, response) => {
 *  const stream = openStream(request, response)
 *  void stream.send({ type: 'progress', data: { done: 1 } })
 *  void stream.close()
 * }).listen(8080)
 * ```
 */
export function openStream(
  request: NodeRequest,
  response: NodeResponse,
  given?: OpenStreamOptions,
): EventStream {
  requireExchange(request, response, 'openStream')
  const options = readDoorOptions(given, [...streamOptionNames, 'compression'])
  const compression = readCompression(options)
  const stream = new SinkStream(readStreamOptions(options), readHeader(request, 'last-event-id'))
  // At once: the application may destroy the request in this very turn.
  if (isHttp2(response)) forwardDestroy(response)
  const isGzip = compression && acceptsGzip(readHeader(request, 'accept-encoding'))
  const begin = (): void => {
    const compress = isGzip ? compressGzip : undefined
    const sink = openSink(response, { way: 'auto', compress })
    if (request.method !== 'HEAD') {
      stream.begin(sink)
      return
    }
    // HEAD asks for the head only.
    sendStreamHead(response, streamHeaders)
    response.end()
    stream.end()
  }
  if (isInTurn(response)) begin()
  else void beginInTurn()
  return stream

  async function beginInTurn(): Promise<void> {
    try {
      if (await hasTurn(request, response)) begin()
      else stream.end()
    } catch (error) {
      // Somebody else has answered in the meantime.
      stream.end(error instanceof ServerError ? error : undefined)
    }
  }
}

function readCompression({ compression = true }: OpenStreamOptions): boolean {
  if (typeof compression === 'boolean') return compression
  throw new ServerError(
    'OPTION_INVALID',
    `compression must be true or false; got ${quoteValue(compression)}.`,
  )
}
