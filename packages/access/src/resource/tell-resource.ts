// A 401 that names the metadata where the client finds out whose tokens are taken (RFC 9728 §5.1).

import { covers, parseTopicSet } from '@tidemark/log'
import type { Pattern, Topic } from '@tidemark/log'
import { ServerError } from '@tidemark/server'
import type { Grant, PlainRequest } from '@tidemark/server'
import { quote } from '@tidemark/wire/values'
import { AccessError } from '../errors.ts'

/** The same refusal with the address in its header; any other error as it is. */
export function tellResource(error: unknown, url: string | undefined): unknown {
  if (url === undefined || !(error instanceof AccessError) || error.status !== 401) return error
  const { code, message, headers, cause } = error
  const challenge = headers['WWW-Authenticate'] ?? 'Bearer'
  const separator = challenge.includes('=') ? ',' : ''
  return new AccessError(code, message, {
    cause,
    headers: {
      ...headers,
      'WWW-Authenticate': `${challenge}${separator} resource_metadata="${url}"`,
    },
  })
}

/**
 * Refuses a visitor what the engine would refuse as well: only here the address of the metadata is known.
 * Without a credential the challenge has no `error` (RFC 6750 §3.1).
 * @throws ServerError `UNAUTHENTICATED`
 */
export function requireVisitorsTopics(
  grant: Grant,
  { action, topics }: PlainRequest,
  url: string | undefined,
): void {
  if (url === undefined || grant.user !== undefined) return
  const names = (action === 'publish' ? grant.publish : grant.subscribe) ?? []
  const granted = names.length === 0 ? undefined : parseTopicSet(names)
  const missing = topics.find(
    (topic) => granted === undefined || !covers(granted, topic as Pattern | Topic),
  )
  if (missing === undefined) return
  throw new ServerError(
    'UNAUTHENTICATED',
    `It takes credentials for ${quote(missing)}; the request brings none that are accepted. Sign in, and send them along.`,
    { headers: { 'WWW-Authenticate': `Bearer resource_metadata="${url}"` } },
  )
}
