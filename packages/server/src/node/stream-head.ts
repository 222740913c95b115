// The status line and headers of a stream through a response of `node:http`.

import type { ServerResponse } from 'node:http'
import type { StreamHeaders } from '../stream-headers.ts'

/** Sends the head of a stream at once, so that the client knows it is open. */
export function sendStreamHead(response: ServerResponse, headers: StreamHeaders): void {
  response.writeHead(200, headers)
  response.flushHeaders()
}
