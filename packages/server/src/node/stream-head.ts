// The status line and headers of every stream.

import type { ServerResponse } from 'node:http'

/** Headers of every stream: no cache keeps it, no proxy rewrites or buffers it. */
export const streamHeaders: Readonly<Record<string, string>> = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-cache, no-transform',
  'X-Accel-Buffering': 'no',
}

/** Sends the head of a stream at once, so that the client knows it is open. */
export function sendStreamHead(response: ServerResponse): void {
  response.writeHead(200, streamHeaders)
  response.flushHeaders()
}
