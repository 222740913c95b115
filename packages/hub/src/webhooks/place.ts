// Where a webhook stands: kept in a ledger, so that any node goes on from there.

import { comparePositions, formatCursor, parseCursor } from '@tidemark/log'
import type { LedgerCodec, Position } from '@tidemark/log'

/** The place of a webhook in the log. */
export interface Place {
  /** Every record up to here is delivered. */
  readonly cursor: string
  /** Delivered records behind the cursor, while one of another topic is refused. */
  readonly done: readonly string[]
  /** Topics that wait behind an event which is refused, while the cursor goes on with all others. */
  readonly held: readonly HeldTopic[]
  /** Up to where the endpoint was told that events are lost; empty for never. */
  readonly lostTo: string
  /** The loss that the endpoint was told of last or is being told of, and when that was found. */
  readonly loss?: { readonly to: string; readonly at: number } | undefined
  /** The id of the replay that this place comes from; empty for none. */
  readonly replay: string
  /** Attempts in a row that came to nothing. */
  readonly failures: number
  /** Why the last of them did; empty for none. */
  readonly error: string
  /** When the next one is due, in milliseconds since 1970; 0 for now. */
  readonly retryAt: number
}

/** A topic with a place of its own. */
export interface HeldTopic {
  readonly topic: string
  /** Its records up to here are delivered. */
  readonly cursor: string
  /** The first one behind that, which is refused; empty where it was left out. */
  readonly refused: string
  /** As that of the whole place. */
  readonly lostTo: string
}

/** A wish to go on from another place. */
export interface Replay {
  /** Another one for each: two that are asked for at once are two. */
  readonly id: string
  readonly from: string
}

/** The node that sends a webhook. */
export interface Lease {
  readonly node: string
}

/** The three kinds of entries of the ledger `webhooks`. */
export type HookEntry = Place | Replay | Lease

export const keyOf = {
  place: (id: string): string => `place ${id}`,
  replay: (id: string): string => `replay ${id}`,
  lease: (id: string): string => `lease ${id}`,
}

/** The ledger's entries as JSON. */
export const hookCodec: LedgerCodec<HookEntry> = {
  encode: JSON.stringify,
  decode(text) {
    const value: unknown = JSON.parse(text)
    // Before topics had places of their own none was written down.
    if (isPlace(value)) return { ...value, held: value.held ?? [] }
    if (isReplay(value) || isLease(value)) return value
    throw new TypeError('This entry of the ledger of webhooks is of a form that is not known here.')
  },
}

export function isPlace(value: unknown): value is Place {
  const { cursor, done } = (value ?? {}) as Partial<Place>
  return typeof cursor === 'string' && Array.isArray(done)
}

export function isReplay(value: unknown): value is Replay {
  const { id, from } = (value ?? {}) as Partial<Replay>
  return typeof id === 'string' && typeof from === 'string'
}

export function isLease(value: unknown): value is Lease {
  return typeof (value as Partial<Lease> | undefined)?.node === 'string'
}

/** The place of a webhook that begins at a position. */
export function beginAt(position: Position): Place {
  const cursor = formatCursor(position)
  return { cursor, done: [], held: [], lostTo: '', replay: '', failures: 0, error: '', retryAt: 0 }
}

/**
 * The place after a replay. From the cursor of an event that is refused its topic alone goes on, behind that
 * event: no other topic is sent anything again.
 */
export function replayFrom(place: Place, { id, from }: Replay): Place {
  if (!place.held.some(({ refused }) => refused === from))
    return { ...beginAt(positionOf(from)), replay: id }
  const held = place.held.map((each) =>
    each.refused === from ? { ...each, cursor: from, refused: '' } : each,
  )
  return { ...place, replay: id, held }
}

/** The position of a cursor that a ledger has kept. */
export function positionOf(cursor: string): Position {
  const parsed = parseCursor(cursor)
  if (parsed === undefined) throw new TypeError(`This is no cursor: ${cursor}.`)
  return parsed.position
}

/** Whether `cursor` is beyond another one; an empty one is before all. */
export function isBeyond(cursor: string, other: string): boolean {
  return other === '' || comparePositions(positionOf(cursor), positionOf(other)) > 0
}
