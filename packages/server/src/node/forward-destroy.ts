// Ends of a stream of HTTP/2 that Node forgets. One is `request.destroy()`, which is documented to destroy
// the stream. The other is a client that resets the stream without an error while something waits to be
// written.

import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Stream } from 'node:http2'
import { Readable } from 'node:stream'

/**
 * Makes `destroy` of the request destroy its stream from now on, and so does a client that resets the stream.
 */
export function forwardDestroy({ req: request, stream }: Http2ServerResponse): void {
  request.destroy = destroyWithStream
  stream.on('aborted', destroyStream)
}

/**
 * Without this, Node 20 to 26 never say `close` of a stream that was reset without an error, and hold what
 * waits. A turn later, because an application that closes its own stream is heard here, too, before the reset
 * has left.
 */
function destroyStream(this: ServerHttp2Stream): void {
  setImmediate(() => this.destroy())
}

function destroyWithStream(this: Http2ServerRequest, error?: Error): Http2ServerRequest {
  // As in HTTP/1, a request that was read to its end has nothing left to destroy.
  if (!this.readableEnded) this.stream.destroy()
  return Readable.prototype.destroy.call(this, error) as Http2ServerRequest
}
