// Writing a stretch of the history to a session: in portions, each of them one block.

import type { Position } from '@tidemark/log'
import type { Block } from '../framing/block.ts'
import { isPlain, placeOf } from '../framing/place.ts'
import { writeBytesMax } from '../limits.ts'
import type { Session } from '../session/session.ts'
import { tell } from './notices.ts'
import type { Notices } from './notices.ts'
import type { CatchUpSource, Stretch } from './stretch.ts'

/**
 * Writes a stretch in portions, until its end or until the session takes no more; the cursor tells how far it
 * came.
 */
export function writeStretch(
  session: Session,
  source: CatchUpSource,
  { stretch, notices }: { readonly stretch: Stretch; readonly notices: Notices },
): void {
  // A closed session must not be written to: its socket may serve another request by now.
  if (session.isClosed) return
  if (!tell(session, source, { stretch, notices })) return
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
