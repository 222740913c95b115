// The snapshot of topics that keep the newest value of each key, before their stream goes on.
//
//   new ──▶ reading: values up to where the stream stands ──▶ settling: the stream goes on ──▶ over
//
// A key that gets a value while the others are read moves behind the place where the stream stands, and no
// page has it. So the end is told when the stream has passed the head of the log, as it was after the last
// page. A key that is not seen by then is no key any more.

import { comparePositions } from '@tidemark/log'
import type { TopicSet } from '@tidemark/log'
import { tombstoneType } from '@tidemark/log/values'
import { encodeSnapshot } from '../framing/control-events.ts'
import { placeOf } from '../framing/place.ts'
import { namesOf } from '../session/changed-topics.ts'
import type { Session } from '../session/session.ts'
import { tell } from './notices.ts'
import type { Notices } from './notices.ts'
import { findUntil, readLog } from './stretch.ts'
import type { CatchUpSource, Stretch } from './stretch.ts'
import { watchReader } from './watch-reader.ts'
import { writeStretch } from './write-stretch.ts'

/** The next page of a snapshot, or its begin. */
export async function advanceSnapshot(
  session: Session,
  source: CatchUpSource,
  notices: Notices,
): Promise<void> {
  const { added } = session
  const plan = added?.snapshot
  if (added === undefined || plan === undefined) return
  const isRead = watchReader(session)
  if (added.at === undefined) {
    const { first } = await source.log.bounds()
    if (session.isClosed || !isRead()) return
    const stretch = { records: [], next: session.cursor }
    if (!tell(session, source, { stretch, notices }) || session.isBlocked) return
    added.at = first
    writeBracket(session, 'begin', added.topics)
    return
  }
  if (added.end === undefined) {
    const { next, lost } = await findEnd(session, source, plan.reads)
    if (session.isClosed || !isRead()) return
    added.end = next
    // The cursor is of another history. The stream tells so, and begins another snapshot.
    if (lost !== undefined && lost.reason !== 'retention') return session.replay(undefined)
  }
  if (comparePositions(added.at, added.end) < 0) {
    const range = { topics: plan.reads, after: added.at, upTo: added.end }
    const { records, next } = await readLog(session, source, range)
    if (session.isClosed || !isRead()) return
    // Values that retention has removed are no loss: nobody new could get them. A deletion up to here is of a
    // key that the client has not got.
    const wanted = records.filter(
      ({ record }) => record.type !== tombstoneType && added.isWanted(record.topic),
    )
    writeStretch(session, source, { stretch: { records: wanted, next }, notices })
    if (comparePositions(added.at, added.end) < 0) return
  }
  const until = await findUntil(source)
  if (!session.isClosed && isRead()) added.until = until
}

/**
 * Where a replay of topics ends. No record is up to the oldest place, so the page says where reading from the
 * cursor begins. That is the cursor itself, or, if another history wrote the cursor, the place where the two
 * parted.
 */
export async function findEnd(
  session: Session,
  source: CatchUpSource,
  topics: TopicSet,
): Promise<Stretch> {
  const { first } = await source.log.bounds()
  return readLog(session, source, { topics, after: session.cursor, upTo: first })
}

/** Ends a snapshot whose keys have all been seen; returns whether it did. */
export function endSnapshot(session: Session): boolean {
  const { added, cursor } = session
  if (added?.until === undefined || comparePositions(cursor, added.until) < 0) return false
  const { topics } = added
  session.replay(undefined)
  writeBracket(session, 'end', topics)
  return true
}

function writeBracket(session: Session, phase: 'begin' | 'end', topics: TopicSet): void {
  const place = placeOf(session, session.replayedTo)
  session.writeReplay(encodeSnapshot(phase, namesOf(topics), place), session.replayedTo, 0)
}
