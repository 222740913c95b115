// Requests and responses of Node's HTTP servers, whatever the version of HTTP.

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'

/** A request of `node:http`, `node:https` or `node:http2`, or of a framework on top of them. */
export type NodeRequest = IncomingMessage | Http2ServerRequest

/** The response that belongs to it. */
export type NodeResponse = ServerResponse | Http2ServerResponse

/**
 * The members that the responses of all versions have in common: TypeScript cannot call overloaded methods of
 * a union.
 */
export interface AnyResponse {
  readonly headersSent: boolean
  /** Only HTTP/1 responses say so. */
  readonly destroyed?: boolean
  readonly writableEnded: boolean
  readonly writableFinished: boolean
  readonly writableLength: number
  readonly socket: { readonly destroyed: boolean } | null
  getHeader(name: string): number | string | readonly string[] | undefined
  writeHead(status: number, headers: OutgoingHttpHeaders): unknown
  /** HTTP/2 sends the head at once. */
  flushHeaders?(): void
  write(chunk: Uint8Array): boolean
  /** Of middleware that compresses. */
  flush?(): unknown
  end(): unknown
  end(chunk: Uint8Array): unknown
  destroy(): unknown
  on(event: 'drain' | 'error', listener: () => void): unknown
  emit(event: 'drain'): unknown
  once(event: 'close', listener: () => void): unknown
}

/** Whether a response is one stream of an HTTP/2 connection. */
export function isHttp2(response: NodeResponse): response is Http2ServerResponse {
  return 'stream' in response
}

/** Whether a request came on a stream of an HTTP/2 connection. */
export function isHttp2Request(request: NodeRequest): request is Http2ServerRequest {
  return 'stream' in request
}

/** The carrier of a request and its answer: in HTTP/1 the whole connection, in HTTP/2 one of its streams. */
export type Carrier = Socket | ServerHttp2Stream

/** The carrier of a request. */
export function carrierOf(request: NodeRequest): Carrier {
  return isHttp2Request(request) ? request.stream : request.socket
}

/** The value of a header; of several the first. */
export function readHeader(request: NodeRequest, name: string): string | undefined {
  const header = request.headers[name]
  return Array.isArray(header) ? header[0] : header
}
