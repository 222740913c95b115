// Stretches of the history that a session reads: from memory, or a page of the log when it is its turn.

import { comparePositions, isSameEpoch } from '@tidemark/log'
import type { EventLog, Loss, Position, Topic, TopicSet } from '@tidemark/log'
import type { FanOut } from '../fan-out/fan-out.ts'
import type { FramedRecord } from '../framing/framed-record.ts'
import type { AddedTopics } from '../session/added-topics.ts'
import type { LagRules } from './lag-rules.ts'
import { mayGet } from '../request/filter.ts'
import { readerOf } from '../session/session-holder.ts'
import { replayPageMax } from '../limits.ts'
import type { NodeWatch } from '../observer/node-watch.ts'
import type { Session } from '../session/session.ts'
import type { Slots } from './slots.ts'
import type { Turns } from './turns.ts'

/** The parts of the node that catching up needs. */
export interface CatchUpSource {
  readonly log: EventLog
  readonly fanOut: FanOut
  readonly turns: Turns
  /** For pages of the log. */
  readonly reads: Slots
  /** For backlogs that are being reduced. */
  readonly backlogs: Slots
  readonly lagRules: LagRules
  /** Counts the pages that are read. */
  readonly watch: NodeWatch
  /** Plans a snapshot of all topics of a session that have one, from where it stands; undefined: none has. */
  planSnapshot(session: Session): AddedTopics | undefined
  /** Sends a session away that is behind with what no session may be behind with. */
  dismiss(session: Session): void
}

/** Some records of the history after a session's cursor: of its topics, and only those that it may get. */
export interface Stretch {
  readonly records: readonly FramedRecord[]
  readonly next: Position
  /** The records are in memory anyway, and so are their frames. */
  readonly isShared?: boolean
  readonly lost?: Loss | undefined
  /** Up to where records were left out by a rule. */
  readonly droppedTo?: Position | undefined
  /** The version of the rules that it was reduced by. */
  readonly rulesVersion?: number | undefined
}

/** The records after `after`, if they are in memory. */
export function readRecent(
  session: Session,
  { fanOut }: CatchUpSource,
  after: Position,
): Stretch | undefined {
  const recent = fanOut.recent.after(after)
  if (recent === undefined) return undefined
  return { records: selectRecords(session, recent), next: fanOut.position, isShared: true }
}

/** One page of the session's topics. */
export async function readPage(
  session: Session,
  source: CatchUpSource,
  after: Position,
): Promise<Stretch> {
  const stretch = await readLog(session, source, { topics: session.audience.topics, after })
  // The log may lack a value that has moved on meanwhile, so a snapshot waits for the place it may be at.
  if (session.added?.phase === 'settling') session.added.until = await findUntil(source)
  return stretch
}

/** Where every value is seen that is not in what was read of the log just now. */
export async function findUntil({ log }: CatchUpSource): Promise<Position> {
  return (await log.bounds()).head
}

/** A range of the log to read; by default up to where live sessions stand. */
export interface Range {
  readonly topics: TopicSet
  readonly after: Position
  readonly upTo?: Position
}

/**
 * One page of the log, when it is this session's turn: replays never keep others from theirs, however many
 * there are.
 */
export async function readLog(
  session: Session,
  { log, fanOut, turns, reads, watch }: CatchUpSource,
  { topics, after, upTo }: Range,
): Promise<Stretch> {
  await turns.take(session)
  // One that has closed meanwhile is in no line any more, and must not enter the next.
  if (session.isClosed) return { records: [], next: after }
  const page = await reads.runFor(session, async () => {
    // It may have closed after it was given its place.
    if (session.isClosed) return undefined
    watch.readPage()
    return log.read({ topics, after, upTo: upTo ?? fanOut.position, limit: replayPageMax })
  })
  if (page === undefined) return { records: [], next: after }
  const reader = readerOf(session)
  const records = page.records.filter((record) => mayGet(record, reader))
  return {
    records: records.map((record) => fanOut.frame(record)),
    next: page.next,
    lost: page.lost,
  }
}

export function isAt(cursor: Position, position: Position): boolean {
  return isSameEpoch(cursor, position) && comparePositions(cursor, position) === 0
}

/** The records that are the session's; each topic is matched once. */
function selectRecords(
  session: Session,
  records: readonly FramedRecord[],
): readonly FramedRecord[] {
  const { audience } = session
  const reader = readerOf(session)
  const known = new Map<Topic, boolean>()
  return records.filter(({ record }) => {
    const { topic } = record
    let isWanted = known.get(topic)
    if (isWanted === undefined) {
      isWanted = audience.topics.matches(topic)
      known.set(topic, isWanted)
    }
    return isWanted && mayGet(record, reader)
  })
}
