// Bringing a session level with the tail. A session that is far behind reads the log, and the last stretch
// from the recent records. In the same tick it enters its audience. See ARCHITECTURE.md, "Join without a
// seam".

import { comparePositions, isSameEpoch } from '@tidemark/log'
import type { Loss, Position } from '@tidemark/log'
import { Backlog } from './backlog.ts'
import { Block } from '../framing/block.ts'
import { encodeGap, encodeReady } from '../framing/control-events.ts'
import type { Gap, Resumed } from '../framing/control-events.ts'
import { backlogPagesMax, replayPageMax, writeBytesMax } from '../limits.ts'
import { formatPlace, isPlain, placeOf } from '../framing/place.ts'
import type { Session } from '../session/session.ts'
import type { SessionTraces } from '../trace/session-traces.ts'
import { readLog, readPage, readRecent, watchReader } from './stretch.ts'
import type { CatchUpSource, Stretch } from './stretch.ts'

/** The content of the first bytes of a stream. */
export interface Greeting {
  readonly heartbeatMs: number
  /** When to come back after a cut. Milliseconds. */
  readonly retryMs: number
  readonly resumed: Exclude<Resumed, 'gap'>
  /** A gap already known before the log is asked. */
  readonly gap?: Gap
  /** The cursor as the client sent it, to say it back in a gap. */
  readonly from?: string
  /** Says that what the client was granted ends soon; undefined: it does not. */
  takeHint?(): Block | undefined
}

/** Notices still to be given while a session catches up. */
interface Notices {
  greeting: Greeting | undefined
  /** Every page behind a loss reports it again; only what reaches further than the last report is news. */
  told: Position | undefined
  /** Likewise for records that a rule left out. */
  dropped: Position | undefined
  /** Remembers what the client was told. */
  readonly traces: SessionTraces
}

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
    const isReplayOfAdded = session.added !== undefined
    await advance(session, source, notices)
    // The event that needed the turn may be in memory by now, where it needs none, or may have been removed.
    if (turn !== undefined) session.endTurn(turn)
    if (session.isBlocked || session.allowance < 1) {
      await session.untilReady()
    } else if (session.largeTurn !== undefined) {
      await session.largeTurn
    } else if (isReplayOfAdded || session.added !== undefined) {
      // On with it, or with the rest of the stream, which has not moved meanwhile; one may also have been
      // asked for just now.
    } else if (isLevel(session, source)) {
      session.join()
      return
    } else {
      await source.fanOut.reached(session.cursor, () => session.isClosed)
    }
  }
}

/** Writes the next stretch: what is in memory, or a page of the log. */
async function advance(session: Session, source: CatchUpSource, notices: Notices): Promise<void> {
  if (session.added !== undefined) return advanceAdded(session, source, notices)
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
  if (added === undefined) return
  const { topics } = added
  const isRead = watchReader(session)
  const isChanged = (): boolean => session.added !== added || !isRead()
  if (added.end === undefined) {
    const { first } = await source.log.bounds()
    // No record is up to there, so the page says where reading from the cursor begins. That is the cursor
    // itself, or, if another history wrote the cursor, the place where the two parted.
    const range = { topics, after: session.cursor, upTo: first }
    const { next } = await readLog(session, source, range)
    if (session.isClosed || isChanged()) return
    added.end = next
  }
  const range = { topics, after: added.at, upTo: added.end }
  const { records, next, lost } = await readLog(session, source, range)
  if (session.isClosed || isChanged()) return
  const wanted = records.filter(({ record }) => added.isWanted(record.topic))
  writeStretch(session, { records: wanted, next, lost }, notices)
  if (comparePositions(added.at, added.end) >= 0) session.endAdded()
}

async function advancePage(
  session: Session,
  source: CatchUpSource,
  notices: Notices,
): Promise<void> {
  const { cursor } = session
  const isRead = watchReader(session)
  const stretch = readRecent(session, source, cursor) ?? (await readPage(session, source, cursor))
  if (isRead()) writeStretch(session, stretch, notices)
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
  else writeStretch(session, stretch, notices)
  if (backlog.hasConflated) source.watch.traces.reduced(session, cursor, stretch.next)
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
  return { records: backlog.records, next, lost: stretch.lost, droppedTo: backlog.droppedTo }
}

function isLevel({ cursor }: Session, { fanOut }: CatchUpSource): boolean {
  return isAt(cursor, fanOut.position)
}

function isAt(cursor: Position, position: Position): boolean {
  return isSameEpoch(cursor, position) && comparePositions(cursor, position) === 0
}

/**
 * Writes a stretch in portions, until its end or until the session takes no more; the cursor tells how far it
 * came.
 */
function writeStretch(session: Session, stretch: Stretch, notices: Notices): void {
  // A closed session must not be written to: its socket may serve another request by now.
  if (session.isClosed) return
  tell(session, stretch, notices)
  const { framing } = session.audience
  const { allowance } = session
  const isShared = hasSharedBytes(session, stretch)
  let written = 0
  let frames: Block[] = []
  let bytes = 0
  let last: Position | undefined
  for (const framed of stretch.records) {
    if (session.isBlocked) return
    const frame = framed.frame(framing)
    const isLarge = frame.bytes.length > writeBytesMax
    // A large frame goes alone: those of recent records are then shared, and of others there are few at a
    // time.
    const isPortion = bytes >= writeBytesMax || isLarge || written + frames.length >= allowance
    if (last !== undefined && frames.length > 0 && isPortion) {
      writePortion(session, stretch, { frames, last, cursor: last })
      written += frames.length
      frames = []
      bytes = 0
    }
    if (session.isBlocked || written >= allowance) return
    if (isLarge && !isShared && !session.takeLarge(frame.bytes.length)) return
    last = framed.record.position
    frames.push(frame)
    bytes += frame.bytes.length
  }
  if (session.isBlocked) return
  if (last !== undefined && frames.length > 0) {
    writePortion(session, stretch, { frames, last, cursor: stretch.next })
  }
  session.moveTo(stretch.next)
}

/** Frames that are written as one block. */
interface Portion {
  readonly frames: readonly Block[]
  /** The place of the newest record they were made of. */
  readonly last: Position
  /** Where the stream stands behind them. */
  readonly cursor: Position
}

/** Whether a frame that goes alone is the block of all sessions. With parts in its id it is a copy. */
function hasSharedBytes(session: Session, { isShared }: Stretch): boolean {
  return isShared === true && isPlain(placeOf(session, session.replayedTo))
}

function writePortion(session: Session, stretch: Stretch, portion: Portion): void {
  const { frames, last, cursor } = portion
  const block = session.audience.framing.assemble(frames, placeOf(session, last))
  session.writeReplay(block, cursor, frames.length)
  // A frame that goes alone is the block of all sessions. A block of the session's own is no larger than two
  // portions, or has its turn.
  if (frames.length === 1 && hasSharedBytes(session, stretch)) session.holdShared(block)
}

/**
 * Says what must be said before the records: that the stream is open, what is lost, and what was left out.
 */
function tell(session: Session, { lost: loss, droppedTo }: Stretch, notices: Notices): void {
  const lost = reachesFurther(loss?.to, notices.told) ? loss : undefined
  notices.told = lost?.to ?? notices.told
  if (lost !== undefined && lost.reason !== 'retention') session.moveTo(lost.to)
  const { greeting } = notices
  notices.greeting = undefined
  if (greeting !== undefined) greet(session, { ...notices, greeting }, lost)
  else if (lost !== undefined) sendGap(session, toGap(session, lost), notices)
  if (droppedTo === undefined || !reachesFurther(droppedTo, notices.dropped)) return
  notices.dropped = droppedTo
  const from = formatPlace(placeOf(session, session.replayedTo))
  sendGap(session, { from, to: droppedTo, reason: 'rate' }, notices)
}

function sendGap(session: Session, gap: Gap, { traces }: Notices): void {
  traces.gap(session, gap)
  const block = encodeGap(gap, placeOf(session, gap.to))
  session.writeReplay(block, session.replayedTo, 0)
}

/** Whether a loss reaches further than what the client has been told. */
function reachesFurther(to: Position | undefined, told: Position | undefined): boolean {
  if (to === undefined || told === undefined) return to !== undefined
  return comparePositions(to, told) > 0
}

function greet(
  session: Session,
  { greeting, traces }: Notices & { readonly greeting: Greeting },
  lost: Loss | undefined,
): void {
  const gap = greeting.gap ?? planGap(session, greeting, lost)
  if (gap !== undefined) traces.gap(session, gap)
  const ready = encodeReady({
    session: session.id,
    place: placeOf(session, session.replayedTo),
    heartbeatMs: greeting.heartbeatMs,
    retryMs: greeting.retryMs,
    resumed: gap === undefined ? greeting.resumed : 'gap',
  })
  const blocks = gap === undefined ? [ready] : [ready, encodeGap(gap, placeOf(session, gap.to))]
  const hint = greeting.takeHint?.()
  if (hint !== undefined) blocks.push(hint)
  session.writeReplay(Block.join(blocks), session.replayedTo, 0)
}

/** A session that came without a cursor asked for what is retained: what was removed before is no loss. */
function planGap(session: Session, greeting: Greeting, lost: Loss | undefined): Gap | undefined {
  if (lost === undefined || greeting.resumed === 'fresh') return undefined
  return toGap(session, lost, greeting.from)
}

function toGap(session: Session, lost: Loss, from?: string): Gap {
  return {
    from: from ?? formatPlace(placeOf(session, lost.from)),
    to: lost.to,
    reason: lost.reason,
  }
}
