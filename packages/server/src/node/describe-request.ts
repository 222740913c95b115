// A request of Node's as `authorize` sees it.

import type { IncomingHttpHeaders } from 'node:http'
import type { RequestFacts } from '../request/authorize.ts'
import type { NodeRequest } from './exchange.ts'

/**
 * A request of `node:http`, `node:https` or `node:http2`, for `authorize`. Nothing of it is read before it is
 * asked for.
 */
export function describeRequest(request: NodeRequest): RequestFacts {
  return {
    method: request.method ?? 'GET',
    get url() {
      return readPath(request)
    },
    get address() {
      return readAddress(request)
    },
    header: (name) => readValue(request.headers, name),
  }
}

/** The same of a request that may be gone when it is asked: it is copied, and nothing else of it is held. */
export function keepRequest(request: NodeRequest): RequestFacts {
  const { method, url, address } = describeRequest(request)
  const headers = { ...request.headers }
  return { method, url, address, header: (name) => readValue(headers, name) }
}

function readValue(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name.toLowerCase()]
  return Array.isArray(value) ? value.join(', ') : value
}

/**
 * Express takes the path that a handler is mounted at out of `url`. A target may be in absolute form (RFC
 * 9112 §3.2.2).
 */
function readPath(request: NodeRequest): string {
  const { originalUrl } = request as { readonly originalUrl?: unknown }
  const target = typeof originalUrl === 'string' ? originalUrl : (request.url ?? '/')
  if (target.startsWith('/') || !URL.canParse(target)) return target
  const { pathname, search } = new URL(target)
  return pathname + search
}

const clientAddresses = new WeakMap<NodeRequest, string>()

/** Says which address a request comes from, where a proxy that is trusted has said so. */
export function setClientAddress(request: NodeRequest, address: string): void {
  clientAddresses.set(request, address)
}

/** Node's socket of an HTTP/2 request throws once its connection is gone. */
function readAddress(request: NodeRequest): string | undefined {
  const known = clientAddresses.get(request)
  if (known !== undefined) return known
  try {
    return request.socket.remoteAddress
  } catch {
    return undefined
  }
}
