// Topics of the nodes themselves, and what of them a client may read where nobody grants it.

import { parseTopic } from '@tidemark/log'
import type { Topic } from '@tidemark/log'
import { quote } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'

/** Where a node publishes to see that its events come back. They hold nothing. */
export const probeTopic: Topic = parseTopic('$hub/probe')

/**
 * Holds for reading where the application has no `authorize`. Everybody may read events of publishers. Nobody
 * may read what the nodes keep for themselves (bans, claims, rules), except probes. No wildcard reaches those
 * topics, so the first character tells.
 * @throws ServerError `TOPIC_RESERVED`
 */
export function requireUnreserved(names: readonly string[]): void {
  const reserved = names.find(isReserved)
  if (reserved === undefined) return
  throw new ServerError(
    'TOPIC_RESERVED',
    `Topics that begin with "$" are the hub's own, and nobody is granted to read them here; got ${quote(reserved)}. Leave it out.`,
  )
}

/** Whether a topic is the hub's own, and no probe. */
export function isReserved(name: string): boolean {
  return name.startsWith('$') && name !== probeTopic
}
