// `request.destroy()` over HTTP/2. Node documents that it destroys the stream, but it does not.

import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { Readable } from 'node:stream'

/** Makes `destroy` of the request destroy its stream from now on. */
export function leadDestroy({ req: request }: Http2ServerResponse): void {
  request.destroy = destroyWithStream
}

function destroyWithStream(this: Http2ServerRequest, error?: Error): Http2ServerRequest {
  // As in HTTP/1, a request that was read to its end has nothing left to destroy.
  if (!this.readableEnded) this.stream.destroy()
  return Readable.prototype.destroy.call(this, error) as Http2ServerRequest
}
