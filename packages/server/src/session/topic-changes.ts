// Other topics for an open session: it leaves its audience with its place, and catches up in another one.

import { parseTopicSet } from '@tidemark/log'
import type { Clock, EventLog, Position, TopicSet } from '@tidemark/log'
import { AddedTopics } from './added-topics.ts'
import type { AddedAt, SnapshotPlan } from './added-topics.ts'
import { findKeyed } from '../catch-up/keyed-topics.ts'
import type { Beginning } from '../request/start-at.ts'
import { newSnapshot } from './snapshot-at.ts'
import type { SnapshotAt } from './snapshot-at.ts'
import type { Audiences } from '../fan-out/audiences.ts'
import { namesBeyond, namesOf, originOf } from './changed-topics.ts'
import { ServerError } from '../errors.ts'
import type { Filter } from '../request/filter.ts'
import { topicChangesWaitingMax } from '../limits.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import { measureTopicSet } from '../fan-out/measure-topic-set.ts'
import { noParts, partsOfTopics, requireKey } from '../framing/place.ts'
import type { ByeReason } from '../framing/bye-reason.ts'
import type { TopicsReason } from '../framing/control-events.ts'
import type { IsLate } from './is-late.ts'
import type { Session } from './session.ts'
import type { TopicChange } from './session-handle.ts'
import { readChange } from './topic-change.ts'
import type { AddedSince } from './topic-change.ts'
import { hasNews, planTopics, requireGranted, requireInTime } from './timed-change.ts'
import type { IsGranted, TimedChange } from './timed-change.ts'
import { TopicNews } from './topic-news.ts'
import { hashTopicSet } from './topic-set-key.ts'
import type { ChangedTopics, SetOrigin, TopicSetTable } from './topic-set-table.ts'
import { TopicSetsInUse } from './topic-sets-in-use.ts'

/** The changes of one session, one after another. */
interface ChangeLine {
  waiting: number
  last: Promise<unknown> | undefined
  /** Until the session has moved, while a change is between its plan and that. */
  moving: Promise<void> | undefined
  /** The names of the newest grant, where one came while changes waited. */
  isGranted: IsGranted | undefined
  /** The key of the set that the request of the stream named; undefined until it is wanted. */
  asked: string | undefined
}

/** The parts of the node that it needs. */
interface ChangesHost {
  readonly audiences: Audiences
  readonly topicSets: TopicSetTable
  readonly log: EventLog
  readonly clock: Clock
  readonly onError: (error: unknown) => void
  listSessions(): Iterable<Session>
  dismiss(session: Session, reason: ByeReason): void
  /** Told of each session that follows other topics now. */
  moved(session: Session, reason: TopicsReason): void
}

/** Changes the topics of sessions, one change of a session at a time. */
export class TopicChanges {
  readonly #host: ChangesHost
  readonly #inUse: TopicSetsInUse
  readonly #news: TopicNews
  /** Of each session that has had one, or that came back to changed topics. */
  readonly #lines = new WeakMap<Session, ChangeLine>()

  constructor(host: ChangesHost) {
    this.#host = host
    this.#inUse = new TopicSetsInUse(host)
    this.#news = new TopicNews(host.audiences)
  }

  /** A session opens by a cursor of changed topics. */
  comeBack(session: Session, { asked, dropped = [] }: ChangedTopics): void {
    if (session.isClosed) return
    this.#lineOf(session).asked = asked
    this.#inUse.begin()
    if (dropped.length === 0) return
    try {
      // Told right behind `tidemark.ready`.
      this.#news.plan(session, { added: [], removed: dropped, reason: 'not-granted' })
    } catch {
      this.#host.dismiss(session, 'full')
    }
  }

  /** The session takes something: it is told of its topics. */
  tellNews(session: Session): void {
    this.#news.tell(session)
  }

  /** The session has closed. */
  forget(session: Session): void {
    this.#news.forget(session)
  }

  stop(): void {
    this.#inUse.stop()
    this.#host.topicSets.close()
  }

  /**
   * Resolves when the session follows its new audience, to false if it has closed.
   * @throws ServerError `TOPIC_INVALID`, `TOPIC_SET_INVALID`, `QUERY_INVALID`, `OPTION_INVALID`, `FULL`,
   * `TOPIC_FULL`, `SESSION_UNREACHABLE` once it is late; nothing has changed then
   */
  async change(session: Session, given: TopicChange, isLate: IsLate = never): Promise<boolean> {
    const line = this.#lineOf(session)
    const wanted = readChange(given)
    const change = { ...wanted, isLate, askedUnder: line.isGranted, reason: 'changed' } as const
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
    const nothing = { add: [], since: undefined, isUnasked: false, sinceText: {}, isLate: never }
    const change = { ...nothing, remove, askedUnder: isGranted, reason: 'not-granted' } as const
    await this.#move(line, session, change)
    return removed
  }

  /**
   * Gives a session another filter, from where it stands, in this turn. A change of its topics that is under
   * way takes the filter along.
   * @throws ServerError `FULL`
   */
  refilter(session: Session, filter: Filter | undefined): void {
    const { audience, added } = session
    if (session.isClosed || audience.filter === filter) return
    const { audiences } = this.#host
    const place = audiences.reserve(audience.topics, audience)
    session.moveInto(audiences.open(place, audience.framing, filter), added)
  }

  /**
   * The replay that a stream of these topics begins with; undefined: none.
   * @throws ServerError `FULL`
   */
  beginReplay(
    topics: TopicSet,
    { added, snapshot }: Pick<Beginning, 'added' | 'snapshot'>,
  ): AddedTopics | undefined {
    if (added !== undefined) return this.#beginAdded(added)
    return snapshot === undefined ? undefined : this.#beginSnapshot(topics, snapshot)
  }

  /** The snapshot of an open session, from where it stands; undefined: none, or it had to be sent away. */
  planSnapshot(session: Session): AddedTopics | undefined {
    try {
      return this.#beginSnapshot(session.audience.topics, newSnapshot)
    } catch {
      this.#host.dismiss(session, 'full')
      return undefined
    }
  }

  /** A snapshot of the topics that have one; undefined: none of them has. */
  #beginSnapshot(topics: TopicSet, at: SnapshotAt): AddedTopics | undefined {
    const keyed = findKeyed(this.#host.log, topics, at.covered)
    if (keyed === undefined) return undefined
    return this.#beginAdded({ ...at, topics: parseTopicSet(keyed.names) }, keyed)
  }

  /**
   * A replay of added topics. Its sets count until it is over, and whole: what is free is the audience's.
   * @throws ServerError `FULL`
   */
  #beginAdded(given: AddedAt, snapshot?: SnapshotPlan): AddedTopics {
    const sets = [given.topics, given.covered, snapshot?.reads]
    const bytes = sets.reduce((sum, set) => sum + (set === undefined ? 0 : measureTopicSet(set)), 0)
    const { audiences } = this.#host
    audiences.hold(bytes)
    return new AddedTopics(given, () => audiences.release(bytes), snapshot)
  }

  #lineOf(session: Session): ChangeLine {
    const line = this.#lines.get(session)
    if (line !== undefined) return line
    const first: ChangeLine = {
      waiting: 0,
      last: undefined,
      moving: undefined,
      isGranted: undefined,
      asked: undefined,
    }
    this.#lines.set(session, first)
    return first
  }

  async #changeAfter(line: ChangeLine, session: Session, change: TimedChange): Promise<boolean> {
    await line.last
    let isMoved: boolean | undefined
    while (isMoved === undefined) {
      if (line.moving !== undefined) await line.moving
      // A cursor can tell of one replay. A change that only takes out does not wait for it.
      else if (session.added !== undefined && hasNews(session, change)) await session.added.over
      else if (session.isClosed) isMoved = false
      else {
        requireInTime(change)
        requireGranted(change, line.isGranted)
        isMoved = await this.#move(line, session, change)
      }
    }
    return isMoved
  }

  /**
   * One move of a session at a time: each is planned from the topics that the one before has left. Resolves
   * to undefined where it has to wait, for a snapshot that has begun behind a gap while it was planned.
   */
  async #move(
    line: ChangeLine,
    session: Session,
    change: TimedChange,
  ): Promise<boolean | undefined> {
    let free: () => void = () => undefined
    line.moving = new Promise((resolve) => (free = resolve))
    try {
      return await this.#moveNow(line, session, change)
    } finally {
      line.moving = undefined
      free()
    }
  }

  async #moveNow(
    line: ChangeLine,
    session: Session,
    change: TimedChange,
  ): Promise<boolean | undefined> {
    const { audiences, topicSets } = this.#host
    const before = session.audience.topics
    const topics = planTopics(session, change)
    if (topics.key === before.key) return true
    line.asked ??= hashTopicSet(before)
    const origin = originOf(session, line.asked, change.reason)
    const isSmaller = namesBeyond(topics, before).length === 0
    const place = audiences.reserve(topics, session.audience)
    let added: AddedTopics | undefined
    let parts: string = noParts
    try {
      const isReplay =
        change.since !== undefined ||
        session.added !== undefined ||
        (change.isUnasked && findKeyed(this.#host.log, topics, before) !== undefined)
      // Back to the topics of its request: there plain ids lead, too. Those of a replay name the topics.
      if (isReplay || hashTopicSet(topics) !== origin.asked)
        parts = partsOfTopics(requireKey(await topicSets.keep(topics, origin, { isSmaller })))
      requireInTime(change)
      added = await this.#planAdded(session, { topics, change, origin })
      requireInTime(change)
      const isOther = session.added !== undefined && added !== session.added
      if (isOther && hasNews(session, change)) {
        added?.finish()
        audiences.giveBack(place)
        return undefined
      }
      if (isOther) added = leftOf(session.added, topics).length > 0 ? session.added : undefined
      audiences.requireRoom(topics, before)
      if (!session.isClosed) this.#planNews(session, topics, change)
    } catch (error) {
      // A replay that goes on is not this change's to finish.
      if (added !== session.added) added?.finish()
      audiences.giveBack(place)
      throw error
    }
    if (session.isClosed) {
      added?.finish()
      audiences.giveBack(place)
      return false
    }
    if (parts !== noParts) this.#inUse.begin()
    // A replay that was to go on may have ended while the change was planned.
    if (added?.isOver === true) added = undefined
    if (added === session.added) narrowReplay(added, topics)
    const framing = session.audience.framing.forTopics(topics, parts)
    session.moveInto(audiences.open(place, framing, session.audience.filter), added)
    this.#host.moved(session, change.reason)
    return true
  }

  /** In the tick of the move: a stream that takes something is told in it. */
  #planNews(session: Session, topics: TopicSet, { remove, reason }: TimedChange): void {
    const before = session.audience.topics
    const known = new Set(namesOf(before))
    const kept = new Set(namesOf(topics))
    this.#news.plan(session, {
      added: namesBeyond(topics, before),
      removed: [...remove].filter((name) => known.has(name) && !kept.has(name)),
      reason,
    })
  }

  /**
   * The topics to replay from an older place first: the new names, or the rest of a replay that goes on.
   */
  async #planAdded(
    session: Session,
    { topics, change, origin }: PlannedMove,
  ): Promise<AddedTopics | undefined> {
    const covered = session.audience.topics
    const missing = namesBeyond(topics, covered)
    if (change.since !== undefined && missing.length > 0) {
      const added = parseTopicSet(missing)
      const coveredKey = requireKey(await this.#host.topicSets.keep(covered, origin))
      const at = await this.#locate(added, change.since)
      return this.#beginAdded({ topics: added, covered, coveredKey, at })
    }
    if (change.isUnasked && findKeyed(this.#host.log, topics, covered) !== undefined) {
      const coveredKey = requireKey(await this.#host.topicSets.keep(covered, origin))
      return this.#beginSnapshot(topics, { covered, coveredKey, at: undefined })
    }
    const { added } = session
    return added !== undefined && leftOf(added, topics).length > 0 ? added : undefined
  }

  #locate(topics: TopicSet, since: AddedSince): Promise<Position> {
    if (since.kind === 'cursor') return Promise.resolve(since.position)
    return this.#host.log.locate({ topics, since }).catch(wrapLogError)
  }
}

/** The names of a replay that its session still follows. */
function leftOf(added: AddedTopics, topics: TopicSet): readonly string[] {
  const kept = new Set(namesOf(topics))
  return namesOf(added.topics).filter((name) => kept.has(name))
}

function narrowReplay(added: AddedTopics | undefined, topics: TopicSet): void {
  if (added === undefined) return
  const left = leftOf(added, topics)
  if (left.length < namesOf(added.topics).length) added.topics = parseTopicSet(left)
}

/** A move that is being planned. */
interface PlannedMove {
  readonly topics: TopicSet
  readonly change: TimedChange
  readonly origin: SetOrigin
}

const never: IsLate = () => false
