// A cursor of a stream whose topics were changed while it was open: back to the topics it had then.

import { parseTopicSet } from '@tidemark/log'
import type { TopicSet } from '@tidemark/log'
import type { TopicsReason } from '../framing/control-events.ts'
import type { AddedAt } from './added-topics.ts'
import type { SessionHolder } from './session-holder.ts'
import { newSnapshot } from './snapshot-at.ts'
import { hashTopicSet } from './topic-set-key.ts'
import type { ChangedTopics, KeptSet, SetOrigin, TopicSetTable } from './topic-set-table.ts'
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
  if (read === undefined) return subscription
  const { topicsKey } = read
  if (topicsKey === undefined) {
    const snapshot = read.snapshot && { ...newSnapshot, at: read.snapshot.at }
    return { ...subscription, start: { kind: 'cursor', position, text, snapshot } }
  }
  const kept = await table.find(topicsKey)
  if (kept === undefined) return subscription
  if (!isOf(kept, subscription, user)) {
    // Where a replay was not over, the position alone does not say what the client has.
    if (read.catchUp !== undefined || read.snapshot !== undefined) return subscription
    return { ...subscription, start: { kind: 'cursor', position, text } }
  }
  const { topics } = kept
  const { at, coveredKey } = read.catchUp ?? read.snapshot ?? newSnapshot
  const covered = coveredKey === undefined ? undefined : (await table.find(coveredKey))?.topics
  if (coveredKey !== undefined && covered === undefined) return subscription
  let added: AddedAt | undefined
  if (read.catchUp !== undefined && covered !== undefined) {
    const missing = namesBeyond(topics, covered)
    if (missing.length > 0) added = { topics: parseTopicSet(missing), covered, coveredKey, at }
  }
  const snapshot = read.snapshot && { at, covered, coveredKey }
  return {
    ...subscription,
    topics,
    framing: framing.forTopics(topics, partsOfTopics(topicsKey)),
    start: { kind: 'cursor', position, text, added, snapshot },
    changed: { asked: kept.origin.asked },
  }
}

/**
 * The same without names that are not granted any more. A refusal would end an EventSource for good, and its
 * URL does not even name them.
 * @throws ServerError `LOG_UNAVAILABLE`
 */
export async function dropChanged(
  subscription: Subscription,
  changed: ChangedTopics,
  { kept, table }: { readonly kept: readonly string[]; readonly table: TopicSetTable },
): Promise<Subscription> {
  const topics = parseTopicSet(kept)
  const isKept = new Set(kept)
  const dropped = namesOf(subscription.topics).filter((name) => !isKept.has(name))
  const parts = partsOfTopics(await table.keep(topics, changed, { isSmaller: true }))
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

/** Where the application has chosen the topics, they are this session's alone. */
export function originOf(
  { id, owner }: { readonly id: string; readonly owner: SessionHolder },
  asked: string,
  reason: TopicsReason,
): SetOrigin {
  if (owner.hasChosenTopics === true) return { asked, owner: { user: owner.user, session: id } }
  // A stream that loses topics is told of that, whatever its user has.
  const isAsked = reason === 'changed' && owner.rights !== undefined
  return { asked, by: isAsked ? (owner.user ?? '') : undefined }
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
