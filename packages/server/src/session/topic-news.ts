// Telling streams which topics they follow from now on: at once, or as soon as they take something. The id of
// this event is the first that leads a client back to its new topics.

import type { Audiences } from '../fan-out/audiences.ts'
import { Block } from '../framing/block.ts'
import { encodeBeat, encodeTopics } from '../framing/control-events.ts'
import type { TopicsReason } from '../framing/control-events.ts'
import { placeOf } from '../framing/place.ts'
import type { Place } from '../framing/place.ts'
import type { Session } from './session.ts'

/** Names that a session has come to follow, and names that it follows no more. */
export interface TopicMove {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly reason: TopicsReason
}

/** Names that a stream was not told of yet. A name that came and went meanwhile is not in it. */
interface Untold {
  readonly added: Set<string>
  readonly removed: Map<string, TopicsReason>
  /** Bytes that it counts for among the topic sets. */
  readonly bytes: number
}

export class TopicNews {
  readonly #audiences: Pick<Audiences, 'hold' | 'release'>
  readonly #untold = new Map<Session, Untold>()

  constructor(audiences: Pick<Audiences, 'hold' | 'release'>) {
    this.#audiences = audiences
  }

  /**
   * Notes a move that is made in this tick, and told by `tell`. For a stream that takes nothing the names
   * count among the topic sets.
   * @throws ServerError `FULL`
   */
  plan(session: Session, move: TopicMove): void {
    const before = this.#untold.get(session)
    const { added, removed, reason } = session.takesNotes ? move : copyNames(move)
    const next = { added: new Set(before?.added), removed: new Map(before?.removed) }
    for (const name of added) if (!next.removed.delete(name)) next.added.add(name)
    for (const name of removed) if (!next.added.delete(name)) next.removed.set(name, reason)
    const held = before?.bytes ?? 0
    const bytes = session.takesNotes ? 0 : measure(next.added) + measure(next.removed.keys())
    this.#audiences.hold(bytes, held)
    this.#audiences.release(held)
    this.#untold.set(session, { ...next, bytes })
  }

  /** Writes what is untold, if the stream takes it. */
  tell(session: Session): void {
    const untold = this.#untold.get(session)
    if (untold === undefined || !session.takesNotes) return
    this.forget(session)
    session.note(encode(untold, placeOf(session, session.replayedTo)))
  }

  /** The session has closed, or was told. */
  forget(session: Session): void {
    this.#audiences.release(this.#untold.get(session)?.bytes ?? 0)
    this.#untold.delete(session)
  }
}

/** One event for what was asked for, and one for what is not granted. */
function encode({ added, removed }: Untold, place: Place): Block {
  const left = (reason: TopicsReason): string[] =>
    [...removed].filter(([, of]) => of === reason).map(([name]) => name)
  const [changed, refused] = [left('changed'), left('not-granted')]
  const blocks: Block[] = []
  if (added.size > 0 || changed.length > 0)
    blocks.push(encodeTopics({ added: [...added], removed: changed, reason: 'changed' }, place))
  if (refused.length > 0)
    blocks.push(encodeTopics({ added: [], removed: refused, reason: 'not-granted' }, place))
  return blocks.length > 0 ? Block.join(blocks) : encodeBeat(place)
}

/** A name may be a part of the text of its whole set, and would hold all of it. */
function copyNames(move: TopicMove): TopicMove {
  return JSON.parse(JSON.stringify(move)) as TopicMove
}

/** Two bytes a character at most, and an entry of a set. */
function measure(names: Iterable<string>): number {
  let bytes = 0
  for (const name of names) bytes += 2 * name.length + 64
  return bytes
}
