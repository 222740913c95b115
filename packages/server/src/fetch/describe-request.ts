// A request of the Fetch API as `authorize` sees it.

import type { RequestFacts } from '../request/authorize.ts'

/** A `Request`, for `authorize`. The Fetch API does not say where it came from. */
export function describeRequest(request: Request): RequestFacts {
  return {
    method: request.method,
    get url() {
      const { pathname, search } = new URL(request.url)
      return pathname + search
    },
    address: undefined,
    // The names of HTTP/2's own fields are none here, and `get` would throw.
    header: (name) => (name.startsWith(':') ? undefined : (request.headers.get(name) ?? undefined)),
  }
}

/** The same of a request that may be gone when it is asked: it is copied, and nothing else of it is held. */
export function keepRequest(request: Request): RequestFacts {
  const { method, url, address } = describeRequest(request)
  const headers = new Map(request.headers)
  return { method, url, address, header: (name) => headers.get(name.toLowerCase()) }
}
