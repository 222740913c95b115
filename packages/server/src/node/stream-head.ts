// The status line and headers of a stream through a response of Node's.

import type { StreamHeaders } from '../stream-headers.ts'
import type { AnyResponse } from './exchange.ts'

/** Sends the head of a stream at once, so that the client knows it is open. */
export function sendStreamHead(response: AnyResponse, headers: StreamHeaders): void {
  response.writeHead(200, headers)
  response.flushHeaders?.()
}
