// The target of a request, and the name it asked the hub by: the first line and Host of HTTP/1.1, the
// pseudo-headers of HTTP/2.

import { hideCredentials } from '@tidemark/server/hub'
import type { NodeRequest } from '@tidemark/server/node'
import { quote } from '@tidemark/wire/values'
import { HubError } from './errors.ts'

/** A request's target, taken apart. */
export interface RequestTarget {
  /** As it was sent: nothing is decoded, no dots are taken out. `*` asks the hub as a whole. */
  readonly path: string
  readonly query: string
  /** Host and port the hub was asked by; undefined when the request does not say. */
  readonly authority: string | undefined
}

/** RFC 3986 §3: scheme, authority, and the rest. */
const absoluteForm = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/is
/** A name or an address in brackets, and a port; no user name before it (RFC 9110 §4.2.4). */
const authorityForm = /^(?:\[[0-9a-f:.]+\]|[^\s@:[\]\\]+)(?::(\d{0,5}))?$/i
const portMax = 65_535

/**
 * Reads the target of a request. In absolute form the authority counts and `Host` does not (RFC 9112
 * §3.2.2). So nobody is let in by one name and served by the other.
 * @throws HubError `REQUEST_MALFORMED`
 */
export function readTarget(request: NodeRequest): RequestTarget {
  const target = request.url ?? '/'
  const authority = readAuthority(request)
  if (target.startsWith('/')) return { ...splitQuery(target), authority }
  if (target === '*' && request.method === 'OPTIONS') return { path: '*', query: '', authority }
  // In HTTP/2 authority and path are two (RFC 9113 §8.3.1); a path that names another authority would
  // be a second one.
  const absolute = 'stream' in request ? null : absoluteForm.exec(target)
  if (absolute === null) throw malformed(target, 'it is neither a path nor an absolute URL')
  const [, scheme = '', asked = '', rest = ''] = absolute
  // Both, whatever the connection: what ends TLS in front of the hub may pass on what it was asked.
  if (!/^https?$/i.test(scheme)) throw malformed(target, 'its scheme is not http or https')
  const named = authorityForm.exec(asked)
  if (named === null) throw malformed(target, 'its authority is not a host with or without a port')
  if (Number(named[1] ?? 0) > portMax) throw malformed(target, 'no port is that high')
  return { ...splitQuery(rest.startsWith('/') ? rest : `/${rest}`), authority: asked }
}

/** In HTTP/2 `:authority`, which wins over a `Host` beside it (RFC 9113 §8.3.1). */
function readAuthority({ headers }: NodeRequest): string | undefined {
  const authority = headers[':authority']
  return typeof authority === 'string' ? authority : headers.host
}

function splitQuery(target: string): { readonly path: string; readonly query: string } {
  const at = target.indexOf('?')
  return at === -1
    ? { path: target, query: '' }
    : { path: target.slice(0, at), query: target.slice(at + 1) }
}

function malformed(target: string, fault: string): HubError {
  const [path = '', ...query] = target.split('?')
  const shown = query.length === 0 ? path : `${path}?${hideCredentials(query.join('?'))}`
  return new HubError(
    'REQUEST_MALFORMED',
    `The target of a request is a path such as /events, or a URL of this hub; got ${quote(shown)}: ${fault}.`,
  )
}
