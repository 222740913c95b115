// The status line and headers of a stream through a response of Node's.

import type { StreamHeaders } from '../stream-headers.ts'
import type { AnyResponse } from './exchange.ts'

/** Sends the head of a stream at once, so that the client knows it is open. */
export function sendStreamHead(response: AnyResponse, headers: StreamHeaders): void {
  response.writeHead(200, { ...headers, ...mergeVary(response, headers) })
  response.flushHeaders?.()
}

/** What the application has said already, such as `Origin` for CORS, goes on to hold. */
function mergeVary(response: AnyResponse, headers: StreamHeaders): StreamHeaders {
  const own = response.getHeader('Vary')
  const ours = headers['Vary']
  if (own === undefined || ours === undefined) return {}
  return { Vary: `${Array.isArray(own) ? own.join(', ') : String(own)}, ${ours}` }
}
