// The status line and headers of a stream through a response of Node's.

import type { StreamHeaders } from '../request/stream-headers.ts'
import type { AnyResponse } from './exchange.ts'

/** Sends the head of a stream at once, so that the client knows it is open. */
export function sendStreamHead(response: AnyResponse, headers: StreamHeaders): void {
  response.writeHead(200, { ...headers, ...mergeVary(response, headers) })
  response.flushHeaders?.()
}

/** The head that goes out with a stream's first block, unless somebody else has answered by then. */
export class StreamHead {
  readonly #response: AnyResponse
  readonly #headers: StreamHeaders
  #isSent = false
  /** Called once it is out. */
  onSent: () => void = () => undefined

  constructor(response: AnyResponse, headers: StreamHeaders) {
    this.#response = response
    this.#headers = headers
  }

  /** A response that somebody else has answered is theirs. */
  get isTheirs(): boolean {
    return !this.#isSent && this.#response.headersSent
  }

  /** Sends it, once. False when somebody else has answered in the meantime. */
  begin(): boolean {
    if (this.#isSent) return true
    if (this.#response.headersSent) return false
    sendStreamHead(this.#response, this.#headers)
    this.#isSent = true
    this.onSent()
    return true
  }
}

/** Headers that the application has set already go on to hold, such as `Origin` for CORS. */
function mergeVary(response: AnyResponse, headers: StreamHeaders): StreamHeaders {
  const own = response.getHeader('Vary')
  const ours = headers['Vary']
  if (own === undefined || ours === undefined) return {}
  return { Vary: `${Array.isArray(own) ? own.join(', ') : String(own)}, ${ours}` }
}
