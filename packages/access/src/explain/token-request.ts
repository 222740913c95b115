// A request that brings a token and nothing else, for those who have a token to explain and no request.

import type { RequestFacts } from '@tidemark/server'
import type { CredentialSource } from '../credentials/find-credential.ts'

/** Where tokens are looked for. */
interface Places {
  readonly source: CredentialSource | undefined
  readonly cookieName: string
}

/** The token stands in the place that is looked at first. */
export function tokenRequest(token: string, { source, cookieName }: Places): RequestFacts {
  const headers = new Map<string, string>()
  if (source === 'bearer') headers.set('authorization', `Bearer ${token}`)
  if (source === 'cookie') headers.set('cookie', `${cookieName}=${token}`)
  return {
    method: 'GET',
    url: source === 'query' ? `/events?token=${encodeURIComponent(token)}` : '/events',
    address: undefined,
    header: (name) => headers.get(name.toLowerCase()),
  }
}
