// A 401 that names the metadata where the client finds out whose tokens are taken (RFC 9728 §5.1).

import { covers, parseTopicSet } from '@tidemark/log'
import type { Pattern, Topic } from '@tidemark/log'
import { ServerError } from '@tidemark/server'
import type { Grant, PlainRequest } from '@tidemark/server'
import { quote } from '@tidemark/wire/values'
import { AccessError } from '../errors.ts'
import { nameMetadata, refuseNobody, topicVerbs } from './challenge.ts'

/** The same refusal with the address in its header; any other error as it is. */
export function tellResource(error: unknown, url: string | undefined): unknown {
  const isOurs = error instanceof AccessError || error instanceof ServerError
  if (url === undefined || !isOurs || error.status !== 401) return error
  const { message, headers, cause } = error
  const challenge = nameMetadata(headers['WWW-Authenticate'], url)
  const options = { cause, headers: { ...headers, 'WWW-Authenticate': challenge } }
  return error instanceof AccessError
    ? new AccessError(error.code, message, options)
    : new ServerError(error.code, message, options)
}

/** An answer whose refusals name the metadata. */
export async function told<Answer>(
  answer: Promise<Answer>,
  url: string | undefined,
): Promise<Answer> {
  try {
    return await answer
  } catch (error) {
    throw tellResource(error, url)
  }
}

/**
 * Refuses a visitor what the engine would refuse as well: only here the address of the metadata is known.
 * @throws ServerError `UNAUTHENTICATED`
 */
export function requireVisitorsRights(
  grant: Grant,
  { action, topics }: PlainRequest,
  url: string | undefined,
): void {
  if (url === undefined || grant.user !== undefined) return
  if (action === 'admin') {
    // The engine knows which permission is wanted. A visitor without any does not have it.
    if ((grant.permissions ?? []).length === 0) throw refuseNobody('with a permission', url)
    return
  }
  const names = (action === 'publish' ? grant.publish : grant.subscribe) ?? []
  const granted = names.length === 0 ? undefined : parseTopicSet(names)
  const missing = topics.find(
    (topic) => granted === undefined || !covers(granted, topic as Pattern | Topic),
  )
  if (missing === undefined) return
  throw refuseNobody(`to ${topicVerbs[action]} ${quote(missing)}`, url)
}
