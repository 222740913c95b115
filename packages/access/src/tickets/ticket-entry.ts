// A ticket as the ledger keeps it. The ticket itself is in no log: only its hash is.

import type { Grant } from '@tidemark/server'

/** A ticket that was handed out. */
export interface IssuedEntry {
  readonly kind: 'issued'
  readonly grant: Grant
  /** When the grant ends, in milliseconds since 1970. */
  readonly endsAt: number
}

/** A ticket whose stream was opened. */
export interface UsedEntry {
  readonly kind: 'used'
  readonly grant: Grant
  readonly endsAt: number
  /** A hash of the user agent and of the URL that its stream has shown. */
  readonly shown: string
  /** Another one for each session of the ticket: only the newest stays open. */
  readonly turn: string
}

export type TicketEntry = IssuedEntry | UsedEntry

/** Text of the ledger. */
export const ticketCodec = {
  encode: (entry: TicketEntry): string => JSON.stringify(entry),
  decode(text: string): TicketEntry {
    const entry: unknown = JSON.parse(text)
    if (isEntry(entry)) return entry
    throw new Error('A ticket of another version is not understood.')
  },
}

function isEntry(value: unknown): value is TicketEntry {
  if (typeof value !== 'object' || value === null) return false
  const { kind, grant, endsAt, shown, turn } = value as Readonly<Record<string, unknown>>
  if (typeof grant !== 'object' || grant === null || typeof endsAt !== 'number') return false
  if (kind === 'issued') return true
  return kind === 'used' && typeof shown === 'string' && typeof turn === 'string'
}
