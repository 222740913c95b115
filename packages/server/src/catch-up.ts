// Bringing a session level with the tail: from the log while it is far behind, from the recent records for the last
// stretch, then into its feed in the same tick. See ARCHITECTURE.md, "Join without a seam".

import { comparePositions, formatCursor, isSameHistory } from '@tidemark/log'
import type { EventLog, EventRecord, Loss, Position, Topic } from '@tidemark/log'
import { Block } from './block.ts'
import { encodeGap, encodeReady } from './control-events.ts'
import type { Gap, Resumed } from './control-events.ts'
import type { FanOut } from './fan-out.ts'
import { FramedRecord } from './framed-record.ts'
import { replayPageMax, writeBytesMax } from './limits.ts'
import type { Session } from './session.ts'
import type { Turns } from './turns.ts'

/** What catching up needs of the node. */
export interface CatchUpSource {
  readonly log: EventLog
  readonly fanOut: FanOut
  readonly turns: Turns
}

/** What the first bytes of a stream say. */
export interface Greeting {
  readonly heartbeatMs: number
  readonly resumed: Exclude<Resumed, 'gap'>
  /** A gap already known before the log is asked. */
  readonly gap?: Gap
  /** The cursor as the client sent it, to say it back in a gap. */
  readonly from?: string
}

/** Some records of the history after a session's cursor. */
interface Stretch {
  readonly records: readonly FramedRecord[]
  readonly next: Position
  readonly lost: Loss | undefined
}

/** What is still to be said while a session catches up. */
interface Telling {
  greeting: Greeting | undefined
  /** Every page behind a loss reports it again; only what reaches further than the last report is news. */
  told: Position | undefined
}

/** Replays to a session until it is level with the tail, and joins it to its feed. Ends early when the session closes. */
export async function catchUp(
  session: Session,
  source: CatchUpSource,
  greeting?: Greeting,
): Promise<void> {
  const telling: Telling = { greeting, told: undefined }
  while (!session.isClosed) {
    const recent = source.fanOut.recent.after(session.cursor)
    if (recent === undefined) await replayFromLog(session, source, telling)
    else
      writeStretch(
        session,
        { records: recent, next: source.fanOut.position, lost: undefined },
        telling,
      )
    if (session.isBlocked) {
      // Nothing is held while waiting but the cursor: a stalled client costs no page.
      await session.writable()
    } else if (isLevel(session, source)) {
      session.join()
      return
    } else {
      await source.fanOut.reached(session.cursor, () => session.isClosed)
    }
  }
}

/** One page, when it is this session's turn: replays never keep others from theirs, however many there are. */
async function replayFromLog(
  session: Session,
  { log, fanOut, turns }: CatchUpSource,
  telling: Telling,
): Promise<void> {
  await turns.take()
  if (session.isClosed) return
  const page = await log.read({
    topics: session.feed.topics,
    after: session.cursor,
    upTo: fanOut.position,
    limit: replayPageMax,
  })
  const records = page.records.map((record) => new FramedRecord(record))
  writeStretch(session, { records, next: page.next, lost: page.lost }, telling)
}

function isLevel(session: Session, { fanOut }: CatchUpSource): boolean {
  const { cursor } = session
  return isSameHistory(cursor, fanOut.position) && comparePositions(cursor, fanOut.position) === 0
}

/** Writes a stretch in portions, until its end or until the socket takes no more; the cursor tells how far it came. */
function writeStretch(session: Session, stretch: Stretch, telling: Telling): void {
  // A closed session must not be written to: its socket may serve another request by now.
  if (session.isClosed) return
  tell(session, stretch.lost, telling)
  const { framing } = session.feed
  let frames: Block[] = []
  let bytes = 0
  let last: EventRecord | undefined
  for (const framed of selectRecords(session, stretch)) {
    if (session.isBlocked) return
    last = framed.record
    const frame = framed.frame(framing)
    frames.push(frame)
    bytes += frame.bytes.length
    if (bytes < writeBytesMax) continue
    session.writeReplay(framing.assemble(frames, last), last.position)
    frames = []
    bytes = 0
  }
  if (session.isBlocked) return
  if (last !== undefined && frames.length > 0) {
    session.writeReplay(framing.assemble(frames, last), stretch.next)
  }
  session.moveTo(stretch.next)
}

/** The records of a stretch that are the session's; each topic is matched once. */
function* selectRecords({ feed }: Session, { records }: Stretch): Generator<FramedRecord> {
  const known = new Map<Topic, boolean>()
  for (const framed of records) {
    const { topic } = framed.record
    let isWanted = known.get(topic)
    if (isWanted === undefined) {
      isWanted = feed.topics.matches(topic)
      known.set(topic, isWanted)
    }
    if (isWanted) yield framed
  }
}

/** Says what must be said before the records: that the stream is open, and what is lost. */
function tell(session: Session, loss: Loss | undefined, telling: Telling): void {
  const lost = isNews(loss, telling.told) ? loss : undefined
  telling.told = lost?.to ?? telling.told
  if (lost !== undefined && lost.reason !== 'retention') session.moveTo(lost.to)
  const { greeting } = telling
  telling.greeting = undefined
  if (greeting !== undefined) greet(session, greeting, lost)
  else if (lost !== undefined) session.writeReplay(encodeGap(toGap(lost)), session.cursor)
}

function isNews(lost: Loss | undefined, told: Position | undefined): boolean {
  if (lost === undefined || told === undefined) return lost !== undefined
  return !isSameHistory(lost.to, told) || comparePositions(lost.to, told) > 0
}

function greet(session: Session, greeting: Greeting, lost: Loss | undefined): void {
  const gap = greeting.gap ?? planGap(greeting, lost)
  const ready = encodeReady({
    session: session.id,
    cursor: session.cursor,
    heartbeatMs: greeting.heartbeatMs,
    resumed: gap === undefined ? greeting.resumed : 'gap',
  })
  session.writeReplay(
    gap === undefined ? ready : Block.join([ready, encodeGap(gap)]),
    session.cursor,
  )
}

/** Who came without a cursor asked for what is retained: what was removed before is no loss. */
function planGap(greeting: Greeting, lost: Loss | undefined): Gap | undefined {
  if (lost === undefined || greeting.resumed === 'fresh') return undefined
  return toGap(lost, greeting.from)
}

function toGap(lost: Loss, from: string = formatCursor(lost.from)): Gap {
  return { from, to: lost.to, reason: lost.reason }
}
