// A cursor of a stream whose topics were changed while it was open: back to the topics it had then.

import { parseTopicSet } from '@tidemark/log'
import type { TopicSet } from '@tidemark/log'
import type { AddedAt } from './added-topics.ts'
import { hashTopicSet } from './topic-set-key.ts'
import type { ChangedTopics, KeptSet, TopicSetTable } from './topic-set-table.ts'
import { partsOfTopics, readParts } from '../framing/place.ts'
import type { Subscription } from '../request/subscription.ts'

/**
 * The subscription that a client comes back for. If its cursor has parts and the table knows them, the topics
 * that they name take the place of those that the request names. A request that names another set than the
 * stream was opened for gets what it names, from the cursor's position on. If the table does not know them,
 * the cursor stays unreadable, and the client is told of a gap.
 * @param user of the request, where the application has chosen its topics
 */
export async function resumeChanged(
  subscription: Subscription,
  table: TopicSetTable,
  user?: string,
): Promise<Subscription> {
  const { start, framing } = subscription
  if (start.kind !== 'unreadable' || start.cursor === undefined) return subscription
  const { position, parts, text } = start.cursor
  const read = readParts(parts)
  const kept = read === undefined ? undefined : await table.find(read.topicsKey)
  if (read === undefined || kept === undefined) return subscription
  if (!isOf(kept, subscription, user)) {
    // Where a replay of added topics was not over, the position alone does not say what the client has.
    if (read.catchUp !== undefined) return subscription
    return { ...subscription, start: { kind: 'cursor', position, text } }
  }
  const { topics } = kept
  let added: AddedAt | undefined
  if (read.catchUp !== undefined) {
    const { at, coveredKey } = read.catchUp
    const covered = (await table.find(coveredKey))?.topics
    if (covered === undefined) return subscription
    const missing = namesBeyond(topics, covered)
    if (missing.length > 0) added = { topics: parseTopicSet(missing), covered, coveredKey, at }
  }
  return {
    ...subscription,
    topics,
    framing: framing.forTopics(topics, partsOfTopics(read.topicsKey)),
    start: { kind: 'cursor', position, text, added },
    changed: { asked: kept.origin.asked },
  }
}

/**
 * The same without names that are not granted any more. A refusal would end an EventSource for good, and its
 * URL does not even name them.
 * @throws ServerError `TOPIC_SETS_FULL`, `LOG_UNAVAILABLE`
 */
export async function dropChanged(
  subscription: Subscription,
  changed: ChangedTopics,
  { kept, table }: { readonly kept: readonly string[]; readonly table: TopicSetTable },
): Promise<Subscription> {
  const topics = parseTopicSet(kept)
  const isKept = new Set(kept)
  const dropped = namesOf(subscription.topics).filter((name) => !isKept.has(name))
  const parts = partsOfTopics(await table.keep(topics, changed))
  const { start, framing } = subscription
  return {
    ...subscription,
    topics,
    framing: framing.forTopics(topics, parts),
    start: start.kind === 'cursor' ? { ...start, added: narrowAdded(start.added, isKept) } : start,
    changed: { asked: changed.asked, dropped },
  }
}

function narrowAdded(added: AddedAt | undefined, kept: ReadonlySet<string>): AddedAt | undefined {
  if (added === undefined) return undefined
  const names = namesOf(added.topics).filter((name) => kept.has(name))
  return names.length === 0 ? undefined : { ...added, topics: parseTopicSet(names) }
}

/** Whether a set was kept for a stream of this request. */
function isOf({ origin }: KeptSet, { topics, isChosen }: Subscription, user?: string): boolean {
  const { asked, owner } = origin
  if (asked !== hashTopicSet(topics)) return false
  // A client can name any set that is kept. Nobody is asked about one where the application has chosen.
  return isChosen === true ? owner !== undefined && owner.user === user : owner === undefined
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
