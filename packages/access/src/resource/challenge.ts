// The words of a 401: the challenge that names the metadata of RFC 9728, and a refusal of nobody.

import { ServerError } from '@tidemark/server'

/**
 * A challenge that names the metadata (RFC 9728 §5.1) beside what it says already.
 * @param given Default: `Bearer` alone, because without a credential there is no `error` (RFC 6750 §3.1).
 */
export function nameMetadata(given: string | undefined, url: string): string {
  const challenge = given ?? 'Bearer'
  if (challenge.includes('resource_metadata=')) return challenge
  return `${challenge}${challenge.includes('=') ? ',' : ''} resource_metadata="${url}"`
}

/**
 * The refusal of a request without credentials, in the words of the engine.
 * @param what Follows "It takes credentials", such as `to read "orders/42"`.
 */
export function refuseNobody(what: string, url?: string): ServerError {
  return new ServerError(
    'UNAUTHENTICATED',
    `It takes credentials ${what}; the request brings none that are accepted. Sign in, and send them along.`,
    url === undefined ? {} : { headers: { 'WWW-Authenticate': nameMetadata(undefined, url) } },
  )
}

/** The actions on topics, in words. */
export const topicVerbs = {
  publish: 'publish to',
  read: 'read',
  subscribe: 'subscribe to',
} as const
