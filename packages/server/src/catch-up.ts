// Bringing a session level with the tail: from the log while it is far behind, from the recent records for the last
// stretch, then into its feed in the same tick. See ARCHITECTURE.md, "Join without a seam".

import { comparePositions, formatCursor, isSameHistory } from '@tidemark/log'
import type { EventLog, EventRecord, Loss, Position } from '@tidemark/log'
import { Block } from './block.ts'
import { encodeGap, encodeReady } from './control-events.ts'
import type { Gap, Resumed } from './control-events.ts'
import type { FanOut } from './fan-out.ts'
import { replayPageMax, writeBytesMax } from './limits.ts'
import type { Session } from './session.ts'

/** What catching up needs of the node. */
export interface CatchUpSource {
  readonly log: EventLog
  readonly fanOut: FanOut
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
  readonly records: readonly EventRecord[]
  readonly next: Position
  readonly lost: Loss | undefined
}

/** Replays to a session until it is level with the tail, and joins it to its feed. Ends early when the session closes. */
export async function catchUp(
  session: Session,
  source: CatchUpSource,
  greeting?: Greeting,
): Promise<void> {
  let unsaid = greeting
  // Every page behind a loss reports it again; only what reaches further than the last report is news.
  let told: Position | undefined
  while (!session.isClosed) {
    const recent = source.fanOut.recent.after(session.cursor)
    const stretch =
      recent === undefined
        ? await readStretch(session, source)
        : { records: recent, next: source.fanOut.position, lost: undefined }
    // A closed session must not be written to: its socket may serve another request by now.
    if (session.isClosed) return
    const lost = isNews(stretch.lost, told) ? stretch.lost : undefined
    told = lost?.to ?? told
    if (lost !== undefined && lost.reason !== 'retention') session.moveTo(lost.to)
    if (unsaid !== undefined) greet(session, unsaid, lost)
    else if (lost !== undefined) session.writeReplay(encodeGap(toGap(lost)), session.cursor)
    unsaid = undefined
    if (await writeStretch(session, stretch)) {
      if (isLevel(session, source)) {
        session.join()
        return
      }
      await source.fanOut.reached(session.cursor)
    }
  }
}

async function readStretch(session: Session, { log, fanOut }: CatchUpSource): Promise<Stretch> {
  const { records, next, lost } = await log.read({
    topics: session.feed.topics,
    after: session.cursor,
    upTo: fanOut.position,
    limit: replayPageMax,
  })
  return { records, next, lost }
}

function isLevel(session: Session, { fanOut }: CatchUpSource): boolean {
  return comparePositions(session.cursor, fanOut.position) === 0
}

/** Writes a stretch in portions; resolves to whether the cursor now stands at its end without having waited. */
async function writeStretch(session: Session, stretch: Stretch): Promise<boolean> {
  const { feed } = session
  let frames: Block[] = []
  let bytes = 0
  for (const record of stretch.records) {
    if (!feed.topics.matches(record.topic)) continue
    const frame = feed.framing.encode(record)
    frames.push(frame)
    bytes += frame.bytes.length
    if (bytes < writeBytesMax) continue
    session.writeReplay(feed.framing.assemble(frames, record), record.position)
    frames = []
    bytes = 0
    if (session.isBlocked) {
      await session.writable()
      return false
    }
  }
  const last = stretch.records.at(-1)
  if (frames.length > 0 && last !== undefined) {
    session.writeReplay(feed.framing.assemble(frames, last), stretch.next)
  }
  session.moveTo(stretch.next)
  if (!session.isBlocked) return true
  await session.writable()
  return false
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

function isNews(lost: Loss | undefined, told: Position | undefined): boolean {
  if (lost === undefined || told === undefined) return lost !== undefined
  return !isSameHistory(lost.to, told) || comparePositions(lost.to, told) > 0
}

/** Who came without a cursor asked for what is retained: what was removed before is no loss. */
function planGap(greeting: Greeting, lost: Loss | undefined): Gap | undefined {
  if (lost === undefined || greeting.resumed === 'fresh') return undefined
  return toGap(lost, greeting.from)
}

function toGap(lost: Loss, from: string = formatCursor(lost.from)): Gap {
  return { from, to: lost.to, reason: lost.reason }
}
