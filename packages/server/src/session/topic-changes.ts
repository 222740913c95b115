// Other topics for an open session: it leaves its audience with its place, and catches up in another one.

import { parseCursor, parseTopicSet } from '@tidemark/log'
import type { Position, TopicSet } from '@tidemark/log'
import { AddedTopics } from './added-topics.ts'
import type { AddedAt } from './added-topics.ts'
import type { Audiences } from '../fan-out/audiences.ts'
import { namesBeyond, namesOf } from './changed-topics.ts'
import type { TopicSetTable } from './changed-topics.ts'
import { ServerError } from '../errors.ts'
import { topicChangesWaitingMax } from '../limits.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import { measureTopicSet } from '../fan-out/measure-topic-set.ts'
import { noParts, partsOfTopics, requireKey } from '../framing/place.ts'
import { quoteValue } from '@tidemark/wire/values'
import { readList, readMembers } from '../read-members.ts'
import type { IsLate } from './is-late.ts'
import type { Session } from './session.ts'
import type { TopicChange } from './session-handle.ts'

/** A change, checked as far as it can be without its session. */
export interface CheckedChange {
  readonly add: readonly string[]
  readonly remove: ReadonlySet<string>
  readonly from: Position | undefined
}

/** A change, and when it is too late for it. */
interface TimedChange extends CheckedChange {
  readonly isLate: IsLate
}

/** The changes of one session, one after another. */
interface ChangeLine {
  waiting: number
  last: Promise<unknown> | undefined
}

/** Changes the topics of sessions, one change of a session at a time. */
export class TopicChanges {
  readonly #audiences: Audiences
  readonly #table: TopicSetTable | undefined
  /** Of each session that has had one. */
  readonly #lines = new WeakMap<Session, ChangeLine>()

  /** Without a table the ids of a changed stream say nothing of its topics. */
  constructor(audiences: Audiences, table: TopicSetTable | undefined) {
    this.#audiences = audiences
    this.#table = table
  }

  /**
   * Resolves when the session follows its new audience, to false if it has closed.
   * @throws ServerError `TOPIC_INVALID`, `TOPIC_SET_INVALID`, `QUERY_INVALID`, `OPTION_INVALID`, `FULL`,
   * `SESSION_UNREACHABLE` once it is late; nothing has changed then
   */
  async change(session: Session, given: TopicChange, isLate: IsLate = never): Promise<boolean> {
    const change = { ...readChange(given), isLate }
    const line = this.#lines.get(session) ?? { waiting: 0, last: undefined }
    if (line.waiting >= topicChangesWaitingMax) {
      throw new ServerError(
        'FULL',
        `${topicChangesWaitingMax} changes of the session's topics wait already. Await them, or name the topics in one change.`,
      )
    }
    this.#lines.set(session, line)
    line.waiting += 1
    const done = this.#changeAfter(line.last, session, change)
    line.last = done.catch(() => undefined)
    try {
      return await done
    } finally {
      line.waiting -= 1
    }
  }

  /**
   * A replay of added topics. Its two sets count until it is over, and whole: what is free is the audience's.
   * @throws ServerError `FULL`
   */
  beginAdded(given: AddedAt): AddedTopics {
    const bytes = measureTopicSet(given.topics) + measureTopicSet(given.covered)
    this.#audiences.hold(bytes)
    return new AddedTopics(given, () => this.#audiences.release(bytes))
  }

  async #changeAfter(
    before: Promise<unknown> | undefined,
    session: Session,
    change: TimedChange,
  ): Promise<boolean> {
    await before
    // A cursor can tell of one replay. A change that only takes out does not wait for it.
    while (session.added !== undefined && hasNews(session, change)) await session.added.over
    if (session.isClosed) return false
    requireInTime(change)
    const topics = planTopics(session, change)
    if (topics.key === session.audience.topics.key) return true
    const place = this.#audiences.reserve(topics, session.audience)
    let added: AddedTopics | undefined
    let parts: string = noParts
    try {
      if (this.#table !== undefined) parts = partsOfTopics(await keep(this.#table, topics))
      requireInTime(change)
      added = await this.#planAdded(session, topics, change)
      // A replay that goes on is not this change's to finish, and nothing was waited for.
      if (added !== session.added) requireInTime(change, added)
    } catch (error) {
      this.#audiences.giveBack(place)
      throw error
    }
    if (session.isClosed) {
      added?.finish()
      this.#audiences.giveBack(place)
      return false
    }
    const framing = session.audience.framing.forTopics(topics, parts)
    session.moveInto(this.#audiences.open(place, framing), added)
    return true
  }

  /**
   * The topics to replay from an older place first: the new names, or the rest of a replay that goes on.
   */
  async #planAdded(
    session: Session,
    topics: TopicSet,
    { from }: CheckedChange,
  ): Promise<AddedTopics | undefined> {
    const covered = session.audience.topics
    const missing = namesBeyond(topics, covered)
    if (from !== undefined && missing.length > 0) {
      const table = this.#table
      const coveredKey = table === undefined ? undefined : await keep(table, covered)
      return this.beginAdded({ topics: parseTopicSet(missing), covered, coveredKey, at: from })
    }
    const { added } = session
    if (added === undefined) return undefined
    const kept = new Set(namesOf(topics))
    const left = namesOf(added.topics).filter((name) => kept.has(name))
    if (left.length === 0) return undefined
    if (left.length < namesOf(added.topics).length) added.topics = parseTopicSet(left)
    return added
  }
}

const never: IsLate = () => false

/** The last look before the session moves, in the tick in which it does. */
function requireInTime({ isLate }: TimedChange, added?: AddedTopics): void {
  if (!isLate()) return
  added?.finish()
  throw new ServerError(
    'SESSION_UNREACHABLE',
    'The change had to wait for the replay of topics added before until its time was over. Nothing has changed; ask again.',
  )
}

async function keep(table: TopicSetTable, set: TopicSet): Promise<string> {
  return requireKey(await table.keep(set))
}

/** Whether a change adds a name that the session does not follow. */
function hasNews({ audience }: Session, { add }: CheckedChange): boolean {
  const known = new Set(namesOf(audience.topics))
  return add.some((name) => !known.has(name))
}

function planTopics({ audience }: Session, { add, remove }: CheckedChange): TopicSet {
  const names = new Set(namesOf(audience.topics).filter((name) => !remove.has(name)))
  for (const name of add) names.add(name)
  try {
    return parseTopicSet([...names])
  } catch (error) {
    return wrapLogError(error)
  }
}

const aChange = { code: 'OPTION_INVALID', what: 'A change of topics' } as const

/**
 * Checks a change as far as that can be done without its session.
 * @throws ServerError `OPTION_INVALID`, `QUERY_INVALID`
 */
export function readChange(given: TopicChange): CheckedChange {
  const { add, remove, from } = readMembers(given, ['add', 'remove', 'from'], aChange)
  return {
    add: readNames('add', add),
    remove: new Set(readNames('remove', remove)),
    from: readFrom(from),
  }
}

/** Names are checked as topics with the whole set. */
function readNames(name: string, given: readonly string[] | undefined): readonly string[] {
  if (given === undefined) return []
  const wanted = { code: 'OPTION_INVALID', what: `${name} of a change of topics` } as const
  const names: readonly unknown[] = readList(given, wanted)
  if (names.every((item) => typeof item === 'string')) return names
  throw new ServerError(
    'OPTION_INVALID',
    `${name} of a change of topics holds names such as orders/42; got ${quoteValue(given)}.`,
  )
}

function readFrom(from: string | undefined): Position | undefined {
  if (from === undefined) return undefined
  const cursor = parseCursor(from)
  if (cursor !== undefined && cursor.parts.size === 0) return cursor.position
  throw new ServerError(
    'QUERY_INVALID',
    `from must be a cursor without parts, such as an event's id or a receipt's cursor; got ${quoteValue(from)}.`,
  )
}
