// The hub's own events in a stream: named `tidemark.…`, so that a plain client ignores them.

import type { LossReason, Position } from '@tidemark/log'
import { encodeEvent } from '@tidemark/wire'
import { Block } from './block.ts'
import { formatPlace } from './place.ts'
import type { Place } from './place.ts'

/** Names that begin like this are the hub's own; publishing them is refused. */
export const controlPrefix = 'tidemark.'

/** How a session began: without a cursor, exactly where its cursor stood, or with something missing. */
export type Resumed = 'fresh' | 'exact' | 'gap'

/**
 * Why something is missing. `cursor`: the client's cursor could not be read at all. `rate`: the session was
 * behind with a topic whose rule says to drop.
 */
export type GapReason = LossReason | 'cursor' | 'rate'

/** Something a session cannot get any more. */
export interface Gap {
  /** The client's cursor as it came; null when it could not be read. */
  readonly from: string | null
  readonly to: Position
  readonly reason: GapReason
}

export interface ReadyFacts {
  readonly session: string
  readonly place: Place
  readonly heartbeatMs: number
  /** When to come back after a cut, unless a goodbye says otherwise. Milliseconds. */
  readonly retryMs: number
  readonly resumed: Resumed
}

/**
 * The first event of a stream. It carries the cursor as its id, so that a client cut before its first event
 * comes back to where it joined. Not after a gap: the client must hear of the gap before its last id moves.
 * Its `retry` takes back that of an earlier goodbye.
 */
export function encodeReady(facts: ReadyFacts): Block {
  const { session, heartbeatMs, retryMs, resumed } = facts
  const cursor = formatPlace(facts.place)
  return Block.fromText(
    encodeEvent({
      id: resumed === 'gap' ? undefined : cursor,
      event: 'tidemark.ready',
      retry: retryMs,
      data: JSON.stringify({ session, cursor, heartbeatMs, resumed }),
    }),
  )
}

/**
 * Says what is missing. After a loss by retention or rate, events between `from` and `to` may still follow.
 * So the id stays where it was, and a client that is cut right here is told again, or served. In the other
 * cases the id moves on to `to`.
 */
export function encodeGap(gap: Omit<Gap, 'to'>, end: Place): Block {
  const to = formatPlace(end)
  return Block.fromText(
    encodeEvent({
      id: gap.reason === 'retention' || gap.reason === 'rate' ? undefined : to,
      event: 'tidemark.gap',
      data: JSON.stringify({ from: gap.from, to, reason: gap.reason }),
    }),
  )
}

/** The heartbeat. A named event, because an `id` without data does not move Firefox's last id. */
export function encodeBeat(place: Place): Block {
  return Block.fromText(encodeEvent({ id: formatPlace(place), event: 'tidemark.beat', data: '{}' }))
}

/** Says that what the client was granted ends soon: time to bring a fresh token. */
export function encodeToken(expiresInMs: number): Block {
  const data = JSON.stringify({ expiresInMs })
  return Block.fromText(encodeEvent({ event: 'tidemark.token', data }))
}

/** Why the topics of a stream are others: somebody asked for it, or what is granted does not hold them. */
export type TopicsReason = 'changed' | 'not-granted'

/**
 * Says which topics a stream follows from this place on, and which no more. From this id on a client comes
 * back to them.
 */
export function encodeTopics(
  move: {
    readonly added: readonly string[]
    readonly removed: readonly string[]
    readonly reason: TopicsReason
  },
  place: Place,
): Block {
  const { added, removed, reason } = move
  const data = JSON.stringify({ added, removed, reason })
  return Block.fromText(encodeEvent({ id: formatPlace(place), event: 'tidemark.topics', data }))
}

/**
 * The last event before the server ends a stream; `retry` tells an EventSource when to come back. `cursor` is
 * for a client that is sent away before it had one: its absence begins here. An application may give reasons
 * of its own.
 */
export function encodeBye(reason: string, retryMs: number, cursor?: string): Block {
  return Block.fromText(
    encodeEvent({
      id: cursor,
      event: 'tidemark.bye',
      retry: retryMs,
      data: JSON.stringify({ reason, retryMs }),
    }),
  )
}
