// Where a client learns whose tokens the hub takes: protected-resource metadata (RFC 9728).

import type { HubConfig } from './config/hub-config.ts'

/** The members of the answer that the hub has something to say for (RFC 9728 §2). */
export interface ResourceMetadata {
  readonly resource: string
  readonly resource_name: string
  readonly authorization_servers?: readonly string[]
  readonly bearer_methods_supported: readonly string[]
}

const wellKnown = '/.well-known/oauth-protected-resource'

/** Host and port of a URL, so that a name from a request cannot end the text that it is put into. */
const authorityForm = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i

/** A hub as a resource that tokens are for. */
export class ProtectedResource {
  readonly #resource: string
  readonly #scheme: string
  readonly #rest: Omit<ResourceMetadata, 'resource'>

  constructor({ auth, tls }: Pick<HubConfig, 'auth' | 'tls'>) {
    this.#resource = auth.resource.replace(/\/$/, '')
    this.#scheme = tls === undefined ? 'http' : 'https'
    const issuers = [auth.issuer, ...auth.issuers.map(({ issuer }) => issuer)]
    // Others are names that nothing can be looked up at.
    const servers = issuers.filter((issuer) => /^https?:\/\//.test(issuer))
    this.#rest = {
      resource_name: 'Tidemark',
      ...(servers.length > 0 ? { authorization_servers: servers } : {}),
      bearer_methods_supported: [
        ...(auth.sources.includes('bearer') ? ['header'] : []),
        ...(auth.sources.includes('query') ? ['query'] : []),
      ],
    }
  }

  /** The path below the well-known one at which this resource has its metadata (RFC 9728 §3.1). */
  get path(): string {
    return this.#resource === '' ? '' : new URL(this.#resource).pathname.replace(/\/$/, '')
  }

  /** The metadata for one who asked the hub by `authority`; undefined where that is no name. */
  describe(authority: string | undefined): ResourceMetadata | undefined {
    const resource = this.#name(authority)
    return resource === undefined ? undefined : { resource, ...this.#rest }
  }

  /** Where the metadata is, for `WWW-Authenticate` (RFC 9728 §5.1). */
  urlFor(authority: string | undefined): string | undefined {
    const resource = this.#name(authority)
    return resource === undefined
      ? undefined
      : `${new URL(resource).origin}${wellKnown}${this.path}`
  }

  #name(authority: string | undefined): string | undefined {
    if (this.#resource !== '') return this.#resource
    if (authority === undefined || !authorityForm.test(authority)) return undefined
    const url = `${this.#scheme}://${authority}`
    return URL.canParse(url) ? url : undefined
  }
}
