// Which of the two ways to the socket a response allows.

import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { ServerError } from '../errors.ts'
import type { Compress, Sink } from '../session/sink.ts'
import { gzipStreamHeaders, streamHeaders } from '../request/stream-headers.ts'
import { isHttp2 } from './exchange.ts'
import type { NodeResponse } from './exchange.ts'
import { Http2Sink } from './http2-sink.ts'
import { DrainForwarder, compressWrites } from './compress-writes.ts'
import { ResponseSink } from './response-sink.ts'
import { SocketSink } from './socket-sink.ts'
import { StreamHead } from './stream-head.ts'

/** `auto`: straight to the socket where that is safe. `response`: always through `response.write`. */
export type SocketWay = 'auto' | 'response'

/** The options of a sink. */
export interface SinkOptions {
  readonly way: SocketWay
  /** The compression to use, if nobody else compresses: middleware that wraps a response may do so itself. */
  readonly compress: Compress | undefined
}

/**
 * Makes the sink of a response. Nothing is written yet, the head goes out with the first block.
 * @throws ServerError `RESPONSE_UNUSABLE` when the response was already begun
 */
export function openSink(response: NodeResponse, { way, compress }: SinkOptions): Sink {
  if (response.headersSent) {
    throw new ServerError(
      'RESPONSE_UNUSABLE',
      'The response has already been begun, so no stream can be opened on it. Subscribe before anything writes to it.',
    )
  }
  const isBare = isHttp2(response) ? isUnwrappedHttp2(response) : isUnwrapped(response)
  const isGzip = compress !== undefined && isBare
  const head = new StreamHead(response, isGzip ? gzipStreamHeaders : streamHeaders)
  const sink = createSink(response, head, { way, isBare })
  if (!isGzip) return sink
  const compressed = compress(isHttp2(response) ? sink : forwardDrain(sink, response))
  head.onSent = () => compressWrites(response, compressed)
  return compressed
}

/**
 * Has an application's writes into a compressed stream followed by `drain`, where they go past Node's own.
 */
function forwardDrain(sink: Sink, response: ServerResponse): Sink {
  const listen = sink.listen.bind(sink)
  sink.listen = (listener) => listen(new DrainForwarder(listener, response))
  return sink
}

function createSink(
  response: NodeResponse,
  head: StreamHead,
  { way, isBare }: { readonly way: SocketWay; readonly isBare: boolean },
): Sink {
  if (!isBare) return new ResponseSink(response, head, true)
  if (isHttp2(response)) return new Http2Sink(response, head)
  return way === 'auto' ? new SocketSink(response, head) : new ResponseSink(response, head, false)
}

/**
 * Whether `response` is Node's own HTTP/1 response, and nobody has put code in front of it. Middleware such
 * as compression replaces `write` and `end` on the object, and its bytes must keep going through it.
 */
function isUnwrapped(response: ServerResponse): boolean {
  const { socket } = response
  if (socket === null || typeof socket.writableLength !== 'number') return false
  return (
    ownerOf(response, 'write') === 'OutgoingMessage' &&
    ownerOf(response, 'end') === 'OutgoingMessage'
  )
}

/** The same of a stream of HTTP/2. */
function isUnwrappedHttp2(response: Http2ServerResponse): boolean {
  const owner = 'Http2ServerResponse'
  return ownerOf(response, 'write') === owner && ownerOf(response, 'end') === owner
}

/** The name of the class whose prototype a method comes from. */
function ownerOf(response: object, method: string): string | undefined {
  let owner: object | null = response
  while (owner !== null && !Object.hasOwn(owner, method)) owner = Object.getPrototypeOf(owner)
  if (owner === response) return undefined
  return owner?.constructor.name
}
