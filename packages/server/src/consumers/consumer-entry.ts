// A consumer as the ledger keeps it, and under which key.

import { comparePositions, formatCursor, parseCursor } from '@tidemark/log'
import type { LedgerCodec, Position } from '@tidemark/log'

/** The place of one consumer. */
export interface ConsumerEntry {
  readonly user: string
  readonly name: string
  /** Known to have been read up to here. */
  readonly position: Position
  /** The session that keeps it; undefined after a reset. */
  readonly session: string | undefined
  /** Counts the sessions that had it: of two the one with the higher number has it. */
  readonly turn: number
  /** When its place was written last, in milliseconds since 1970. */
  readonly seenAt: number
}

/** As text. A text that is none throws, and the consumer counts as unknown then. */
export const consumerCodec: LedgerCodec<ConsumerEntry> = {
  encode: ({ position, ...entry }) => JSON.stringify({ ...entry, cursor: formatCursor(position) }),
  decode(text) {
    const { user, name, cursor, session, turn, seenAt } = JSON.parse(text) as Stored
    const position = typeof cursor === 'string' ? parseCursor(cursor)?.position : undefined
    const isWhole = typeof user === 'string' && typeof name === 'string'
    const isCounted = Number.isSafeInteger(turn) && Number.isSafeInteger(seenAt)
    if (position === undefined || !isWhole || !isCounted)
      throw new Error('An entry of the ledger of consumers cannot be read.')
    return {
      user,
      name,
      position,
      session: typeof session === 'string' ? session : undefined,
      turn: Number(turn),
      seenAt: Number(seenAt),
    }
  },
}

/** An entry as it may be in the log. */
interface Stored {
  readonly user?: unknown
  readonly name?: unknown
  readonly cursor?: unknown
  readonly session?: unknown
  readonly turn?: unknown
  readonly seenAt?: unknown
}

/** A user may be as long as a key may be, and hold what a key may not. */
export async function consumerKey(user: string, name: string): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify([user, name]))
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', text))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Whether a position is behind another one. */
export function isBehind(position: Position, other: Position): boolean {
  return comparePositions(position, other) < 0
}
