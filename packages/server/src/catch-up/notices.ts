// Telling a session before its records that its stream is open, what is lost, and what was left out.

import { comparePositions } from '@tidemark/log'
import type { Loss, Position } from '@tidemark/log'
import { Block } from '../framing/block.ts'
import { encodeGap, encodeReady } from '../framing/control-events.ts'
import type { Gap, Resumed } from '../framing/control-events.ts'
import { formatPlace, placeOf } from '../framing/place.ts'
import type { Session } from '../session/session.ts'
import type { SessionTraces } from '../trace/session-traces.ts'
import type { CatchUpSource, Stretch } from './stretch.ts'

/** The content of the first bytes of a stream. */
export interface Greeting {
  readonly heartbeatMs: number
  /** When to come back after a cut. Milliseconds. */
  readonly retryMs: number
  readonly resumed: Exclude<Resumed, 'gap'>
  /** A gap already known before the log is asked. */
  readonly gap?: Gap | undefined
  /** The cursor as the client sent it, to say it back in a gap. */
  readonly from?: string | undefined
  /** Says that what the client was granted ends soon; undefined: it does not. */
  takeHint?(session: Session): Block | undefined
}

/** Notices still to be given while a session catches up. */
export interface Notices {
  greeting: Greeting | undefined
  /** Every page behind a loss reports it again; only what reaches further than the last report is news. */
  told: Position | undefined
  /** Likewise for records that a rule left out. */
  dropped: Position | undefined
  /** Remembers what the client was told. */
  readonly traces: SessionTraces
}

/**
 * Says what must be said before the records: that the stream is open, what is lost, and what was left out.
 * Returns false where a snapshot comes before the records, because values may be lost.
 */
export function tell(
  session: Session,
  source: CatchUpSource,
  { stretch, notices }: { readonly stretch: Stretch; readonly notices: Notices },
): boolean {
  const { lost: loss, droppedTo, rulesVersion } = stretch
  const lost = reachesFurther(loss?.to, notices.told) ? loss : undefined
  notices.told = lost?.to ?? notices.told
  if (lost !== undefined && lost.reason !== 'retention') session.moveTo(lost.to)
  const { greeting, traces } = notices
  notices.greeting = undefined
  const isGap = lost !== undefined && greeting?.resumed !== 'fresh'
  // Before the client hears of the gap: its id tells of the snapshot, too.
  const isSnapshot = isGap && beginSnapshot(session, source)
  if (session.isClosed) return false
  if (greeting !== undefined) greet(session, greeting, { lost, traces: notices.traces })
  else if (lost !== undefined) sendGap(session, toGap(session, lost), notices)
  if (isSnapshot) return false
  if (droppedTo === undefined || !reachesFurther(droppedTo, notices.dropped)) return true
  notices.dropped = droppedTo
  const from = formatPlace(placeOf(session, session.replayedTo))
  sendGap(session, { from, to: droppedTo, reason: 'rate' }, { traces, rulesVersion })
  return true
}

/** Not in a replay, which has its own place: its topics come whole, as far as they are kept. */
function beginSnapshot(session: Session, source: CatchUpSource): boolean {
  if (session.added !== undefined && session.added.phase !== 'settling') return false
  const snapshot = source.planSnapshot(session)
  if (snapshot !== undefined) session.replay(snapshot)
  return snapshot !== undefined
}

function sendGap(
  session: Session,
  gap: Gap,
  {
    traces,
    rulesVersion,
  }: Pick<Notices, 'traces'> & { readonly rulesVersion?: number | undefined },
): void {
  traces.gap(session, gap, rulesVersion)
  const block = encodeGap(gap, placeOf(session, gap.to))
  session.writeReplay(block, session.replayedTo, 0)
}

/** Whether a loss reaches further than what the client has been told. */
export function reachesFurther(to: Position | undefined, told: Position | undefined): boolean {
  if (to === undefined || told === undefined) return to !== undefined
  return comparePositions(to, told) > 0
}

function greet(
  session: Session,
  greeting: Greeting,
  { lost, traces }: Pick<Notices, 'traces'> & { readonly lost: Loss | undefined },
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
  const hint = greeting.takeHint?.(session)
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
