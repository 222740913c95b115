// A server as a resource that tokens are for, and where its clients learn whose tokens it takes (RFC 9728).

import { quoteValue } from '@tidemark/wire/values'
import type { CredentialSource } from '../credentials/find-credential.ts'
import { invalidOption } from '../read-options.ts'
import { isLoopbackHost } from '../tokens/loopback-host.ts'

/** The answer to `GET /.well-known/oauth-protected-resource`, as JSON (RFC 9728 §2). */
export interface ResourceMetadata {
  readonly resource: string
  /** Issuers that have an address, where a client may ask for a token. */
  readonly authorization_servers?: readonly string[]
  readonly bearer_methods_supported: readonly ('header' | 'query')[]
}

/** The metadata of one server, and where they are. */
export interface ProtectedResource {
  /** For `WWW-Authenticate` (RFC 9728 §5.1). Visible ASCII, as any parsed URL is. */
  readonly url: string
  readonly metadata: ResourceMetadata
}

/**
 * Describes a server by its URL.
 * @throws AccessError `ACCESS_OPTION_INVALID`
 */
export function describeResource(
  resource: unknown,
  issuers: readonly string[],
  sources: readonly CredentialSource[],
): ProtectedResource {
  const url = readResource(resource)
  const servers = issuers.filter((issuer) => issuer.startsWith('https://'))
  const methods: ('header' | 'query')[] = []
  if (sources.includes('bearer')) methods.push('header')
  if (sources.includes('query')) methods.push('query')
  const path = url.pathname.replace(/\/$/, '')
  return {
    url: `${url.origin}/.well-known/oauth-protected-resource${path}`,
    metadata: {
      resource: url.origin + path,
      ...(servers.length === 0 ? {} : { authorization_servers: servers }),
      bearer_methods_supported: methods,
    },
  }
}

/** RFC 9728 §1.2: https, no fragment. A query would not survive in the address of the metadata. */
function readResource(given: unknown): URL {
  const url = typeof given === 'string' && URL.canParse(given) ? new URL(given) : undefined
  const isHere = url?.protocol === 'http:' && isLoopbackHost(url.hostname)
  const isSecure = url?.protocol === 'https:' || isHere
  const isPlain = url !== undefined && /^[^?#"\\]*$/.test(url.href) && url.username === ''
  if (isSecure && isPlain) return url
  throw invalidOption(
    `resource is the https: URL that clients know this server by, without query and fragment; got ${quoteValue(given)}`,
  )
}
