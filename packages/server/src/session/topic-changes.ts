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
import { quote, quoteValue } from '@tidemark/wire/values'
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

/** A change, when it is too late for it, and which grant its session had when it was asked for. */
interface TimedChange extends CheckedChange {
  readonly isLate: IsLate
  readonly askedUnder: IsGranted | undefined
}

/** The changes of one session, one after another. */
interface ChangeLine {
  waiting: number
  last: Promise<unknown> | undefined
  /** Until the session has moved, while a change is between its plan and that. */
  moving: Promise<void> | undefined
  /** The names of the newest grant, where one came while changes waited. */
  isGranted: IsGranted | undefined
}

/** Whether a grant holds a topic or pattern. */
export type IsGranted = (name: string) => boolean

interface TopicChangesHost {
  /** Without it the ids of a changed stream say nothing of its topics. */
  readonly table: TopicSetTable | undefined
  /** Told of each session that follows other topics now. */
  readonly moved: (session: Session) => void
}

/** Changes the topics of sessions, one change of a session at a time. */
export class TopicChanges {
  readonly #audiences: Audiences
  readonly #table: TopicSetTable | undefined
  readonly #moved: (session: Session) => void
  /** Of each session that has had one. */
  readonly #lines = new WeakMap<Session, ChangeLine>()

  constructor(audiences: Audiences, { table, moved }: TopicChangesHost) {
    this.#audiences = audiences
    this.#table = table
    this.#moved = moved
  }

  /**
   * Resolves when the session follows its new audience, to false if it has closed.
   * @throws ServerError `TOPIC_INVALID`, `TOPIC_SET_INVALID`, `QUERY_INVALID`, `OPTION_INVALID`, `FULL`,
   * `SESSION_UNREACHABLE` once it is late; nothing has changed then
   */
  async change(session: Session, given: TopicChange, isLate: IsLate = never): Promise<boolean> {
    const line = this.#lineOf(session)
    const change = { ...readChange(given), isLate, askedUnder: line.isGranted }
    if (line.waiting >= topicChangesWaitingMax) {
      throw new ServerError(
        'FULL',
        `${topicChangesWaitingMax} changes of the session's topics wait already. Await them, or name the topics in one change.`,
      )
    }
    line.waiting += 1
    const done = this.#changeAfter(line, session, change)
    line.last = done.catch(() => undefined)
    try {
      return await done
    } finally {
      line.waiting -= 1
      if (line.waiting === 0) line.isGranted = undefined
    }
  }

  /**
   * Takes out what a new grant does not hold, ahead of changes that wait; those are held against it, too.
   * Resolves to the names that were taken out. All names of a session are never taken out: then nothing has
   * changed.
   * @throws ServerError `FULL`, and what keeping the set throws
   */
  async narrow(session: Session, isGranted: IsGranted): Promise<readonly string[]> {
    // Most grants hold what their session follows, and most sessions have never changed it.
    if (!this.#lines.has(session) && namesOf(session.audience.topics).every(isGranted)) return []
    const line = this.#lineOf(session)
    if (line.waiting > 0) line.isGranted = isGranted
    while (line.moving !== undefined) await line.moving
    if (session.isClosed) return []
    const names = namesOf(session.audience.topics)
    const removed = names.filter((name) => !isGranted(name))
    if (removed.length === 0 || removed.length === names.length) return removed
    const remove = new Set(removed)
    const kept = { add: [], from: undefined, isLate: never, askedUnder: isGranted }
    await this.#move(line, session, { ...kept, remove })
    return removed
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

  #lineOf(session: Session): ChangeLine {
    const line = this.#lines.get(session)
    if (line !== undefined) return line
    const first = { waiting: 0, last: undefined, moving: undefined, isGranted: undefined }
    this.#lines.set(session, first)
    return first
  }

  async #changeAfter(line: ChangeLine, session: Session, change: TimedChange): Promise<boolean> {
    await line.last
    for (;;) {
      if (line.moving !== undefined) await line.moving
      // A cursor can tell of one replay. A change that only takes out does not wait for it.
      else if (session.added !== undefined && hasNews(session, change)) await session.added.over
      else break
    }
    if (session.isClosed) return false
    requireInTime(change)
    requireGranted(change, line.isGranted)
    return this.#move(line, session, change)
  }

  /** One move of a session at a time: each is planned from the topics that the one before has left. */
  async #move(line: ChangeLine, session: Session, change: TimedChange): Promise<boolean> {
    let free: () => void = () => undefined
    line.moving = new Promise((resolve) => (free = resolve))
    try {
      return await this.#moveNow(session, change)
    } finally {
      line.moving = undefined
      free()
    }
  }

  async #moveNow(session: Session, change: TimedChange): Promise<boolean> {
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
    this.#moved(session)
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

/** A change that waited while another grant came adds nothing beyond that grant. */
function requireGranted({ add, askedUnder }: TimedChange, isGranted: IsGranted | undefined): void {
  if (isGranted === askedUnder) return
  const name = add.find((added) => isGranted?.(added) === false)
  if (name === undefined) return
  throw new ServerError(
    'TOPIC_FORBIDDEN',
    `While this change waited, the stream got a grant that does not hold ${quote(name)}. Nothing has changed.`,
  )
}

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
