// A cursor of a stream whose topics were changed while it was open: back to the topics it had then.

import { parseTopicSet } from '@tidemark/log'
import type { TopicSet } from '@tidemark/log'
import type { AddedAt } from './added-topics.ts'
import { partsOfTopics, readParts } from '../framing/place.ts'
import type { Subscription } from '../request/subscription.ts'

/**
 * Keeps topic sets under short keys, which cursors carry. A node without one reads no cursor that has parts.
 */
export interface TopicSetTable {
  /**
   * Resolves to the key of a set: 1 to `topicSetKeyCharactersMax` characters of `0-9 A-Z a-z - _`, the same
   * for equal sets.
   */
  keep(set: TopicSet): Promise<string>
  /** Undefined for a key that the table does not know. */
  find(key: string): Promise<TopicSet | undefined>
}

/**
 * The subscription that a client comes back for. If its cursor has parts and the table knows them, the topics
 * that they name take the place of the URL's. If not, the cursor stays unreadable, and the client is told of
 * a gap.
 */
export async function resumeChanged(
  subscription: Subscription,
  table: TopicSetTable | undefined,
): Promise<Subscription> {
  const { start, framing } = subscription
  if (table === undefined || start.kind !== 'unreadable' || start.cursor === undefined)
    return subscription
  const { position, parts, text } = start.cursor
  const read = readParts(parts)
  const topics = read === undefined ? undefined : await table.find(read.topicsKey)
  if (read === undefined || topics === undefined) return subscription
  let added: AddedAt | undefined
  if (read.catchUp !== undefined) {
    const { at, coveredKey } = read.catchUp
    const covered = await table.find(coveredKey)
    if (covered === undefined) return subscription
    const missing = namesBeyond(topics, covered)
    if (missing.length > 0) added = { topics: parseTopicSet(missing), covered, coveredKey, at }
  }
  return {
    ...subscription,
    topics,
    framing: framing.forTopics(topics, partsOfTopics(read.topicsKey)),
    start: { kind: 'cursor', position, text, added },
  }
}

/** All names of a set. */
export function namesOf({ topics, patterns }: TopicSet): readonly string[] {
  return [...topics, ...patterns]
}

/** The names of a set that another one does not have. */
export function namesBeyond(set: TopicSet, other: TopicSet): readonly string[] {
  const known = new Set(namesOf(other))
  return namesOf(set).filter((name) => !known.has(name))
}
