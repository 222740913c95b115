// Bringing a session level with the tail. A session that is far behind reads the log, and the last stretch
// from the recent records. In the same tick it enters its audience. See ARCHITECTURE.md, "Join without a
// seam".

import { comparePositions } from '@tidemark/log'
import { Backlog } from './backlog.ts'
import { backlogPagesMax, replayPageMax } from '../limits.ts'
import { reachesFurther } from './notices.ts'
import type { Greeting, Notices } from './notices.ts'
import type { Session } from '../session/session.ts'
import { advanceSnapshot, endSnapshot, findEnd } from './snapshot.ts'
import { isAt, readLog, readPage, readRecent } from './stretch.ts'
import type { CatchUpSource, Stretch } from './stretch.ts'
import { watchReader } from './watch-reader.ts'
import { writeStretch } from './write-stretch.ts'

/**
 * Replays to a session until it is level with the tail, and joins it to its audience. Ends early when the
 * session closes.
 */
export async function catchUp(
  session: Session,
  source: CatchUpSource,
  greeting?: Greeting,
): Promise<void> {
  const { traces } = source.watch
  const notices: Notices = { greeting, told: undefined, dropped: undefined, traces }
  while (!session.isClosed) {
    // In a function of its own, so that nothing it read is held while waiting: a stalled client costs its
    // cursor, no page.
    const turn = session.largeTurn
    const isReplayOfAdded = isReplayed(session)
    await advance(session, source, notices)
    // The event that needed the turn may be in memory by now, where it needs none, or may have been removed.
    if (turn !== undefined) session.endTurn(turn)
    if (session.isBlocked || session.allowance < 1) {
      await session.untilReady()
    } else if (session.largeTurn !== undefined) {
      await session.largeTurn
    } else if (isReplayOfAdded || isReplayed(session) || endSnapshot(session)) {
      // On with it, or with the rest of the stream, which has not moved meanwhile; one may also have been
      // asked for just now.
    } else if (session.added === undefined && isLevel(session, source)) {
      session.join()
      return
    } else {
      // A snapshot that settles waits for the tail, which may be behind the head of the log.
      const position = session.added?.until ?? session.cursor
      await source.fanOut.reached(position, () => session.isClosed)
    }
  }
}

/** Whether the stream itself stands still, for topics that are replayed from an older place. */
function isReplayed({ added }: Session): boolean {
  return added !== undefined && added.phase !== 'settling'
}

/** Writes the next stretch: what is in memory, or a page of the log. */
async function advance(session: Session, source: CatchUpSource, notices: Notices): Promise<void> {
  if (isReplayed(session)) {
    const isSnapshot = session.added?.snapshot !== undefined
    return (isSnapshot ? advanceSnapshot : advanceAdded)(session, source, notices)
  }
  if (!session.isLaggard || source.lagRules.isEmpty) return advancePage(session, source, notices)
  await source.backlogs.runFor(session, () => advanceBacklog(session, source, notices))
}

/** A page of the topics that were added from an older place, up to where the session stands. */
async function advanceAdded(
  session: Session,
  source: CatchUpSource,
  notices: Notices,
): Promise<void> {
  const { added } = session
  if (added?.at === undefined) return
  const { topics } = added
  const isRead = watchReader(session)
  if (added.end === undefined) {
    const { next } = await findEnd(session, source, topics)
    if (session.isClosed || !isRead()) return
    added.end = next
  }
  const range = { topics, after: added.at, upTo: added.end }
  const { records, next, lost } = await readLog(session, source, range)
  if (session.isClosed || !isRead()) return
  if (lost !== undefined) added.hasLost = true
  const wanted = records.filter(({ record }) => added.isWanted(record.topic))
  writeStretch(session, source, { stretch: { records: wanted, next, lost }, notices })
  if (comparePositions(added.at, added.end) < 0) return
  // Deletions may be among what was lost.
  session.replay(added.hasLost ? source.planSnapshot(session) : undefined)
}

async function advancePage(
  session: Session,
  source: CatchUpSource,
  notices: Notices,
): Promise<void> {
  const { cursor } = session
  const isRead = watchReader(session)
  const stretch = readRecent(session, source, cursor) ?? (await readPage(session, source, cursor))
  if (isRead()) writeStretch(session, source, { stretch, notices })
}

/** The same of a laggard: what the rules of its topics leave of a longer stretch. */
async function advanceBacklog(
  session: Session,
  source: CatchUpSource,
  notices: Notices,
): Promise<void> {
  // It may have closed while it waited for its place.
  if (session.isClosed) return
  const { cursor } = session
  const isRead = watchReader(session)
  const first = readRecent(session, source, cursor) ?? (await readPage(session, source, cursor))
  const backlog = new Backlog(source.lagRules, !session.hasBeenLive)
  const stretch = await reduce(session, source, { stretch: first, backlog })
  if (!isRead()) return
  if (backlog.isForbidden) source.dismiss(session)
  else writeStretch(session, source, { stretch, notices })
  if (!backlog.hasConflated) return
  const { next: upTo, rulesVersion } = stretch
  source.watch.traces.reduced(session, { from: cursor, upTo, rulesVersion })
}

/**
 * Reads on while that only makes the backlog newer, not longer: what is superseded or dropped need not be
 * sent.
 */
async function reduce(
  session: Session,
  source: CatchUpSource,
  { stretch, backlog }: { readonly stretch: Stretch; readonly backlog: Backlog },
): Promise<Stretch> {
  for (const framed of stretch.records) backlog.add(framed)
  let { next } = stretch
  for (let pages = 1; pages < backlogPagesMax && !session.isClosed; pages++) {
    const wanted = Math.min(session.allowance, replayPageMax)
    if (backlog.isForbidden || backlog.isFull(wanted) || isAt(next, source.fanOut.position)) break
    const more = readRecent(session, source, next) ?? (await readPage(session, source, next))
    // Pages behind a loss repeat it; a new one is told with the stretch that begins behind it.
    if (reachesFurther(more.lost?.to, stretch.lost?.to) || isAt(more.next, next)) break
    for (const framed of more.records) backlog.add(framed)
    next = more.next
  }
  const { records, droppedTo, rulesVersion } = backlog
  return { records, next, lost: stretch.lost, droppedTo, rulesVersion }
}

function isLevel({ cursor }: Session, { fanOut }: CatchUpSource): boolean {
  return isAt(cursor, fanOut.position)
}
