// Idempotency keys, with the events of each and the positions that these got.

import { LogError } from '../errors.ts'
import {
  idempotencyAgeMaxMs,
  idempotencyBytesMin,
  idempotencyEntryBytes,
  idempotencyForgottenMax,
  idempotencyShare,
} from '../limits.ts'
import { quote } from '../quote.ts'

/** The positions of one append: `count` sequences from `first`. */
export interface SequenceRun {
  readonly first: number
  readonly count: number
}

interface KeyUse {
  readonly fingerprint: number
  readonly now: number
}

interface Entry extends SequenceRun {
  readonly fingerprint: number
  readonly time: number
}

/** Remembers keys up to an age and a size; the oldest go first. */
export class IdempotencyStore {
  readonly #entries = new Map<string, Entry>()
  #bytesMax = 0
  #bytes = 0

  /** `maxBytes` is the bound of the records. */
  constructor(maxBytes: number) {
    this.bound(maxBytes)
  }

  /** From the next key on there is room for so many; `maxBytes` as above. */
  bound(maxBytes: number): void {
    this.#bytesMax = Math.max(idempotencyBytesMin, maxBytes * idempotencyShare)
  }

  /**
   * The positions this key was given, undefined for a new key.
   * @throws LogError `IDEMPOTENCY_KEY_REUSED` when it was used for other events
   */
  find(key: string, { fingerprint, now }: KeyUse): SequenceRun | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || isTooOld(entry, now)) return undefined
    if (entry.fingerprint === fingerprint) return entry
    throw new LogError(
      'IDEMPOTENCY_KEY_REUSED',
      `The idempotency key ${quote(key)} was used for other events. Use a new key for new events.`,
    )
  }

  /** Remembers a new key, and forgets some that are too old or too many. */
  add(key: string, entry: Entry, now: number): void {
    this.#remove(key)
    this.#entries.set(key, entry)
    this.#bytes += measureEntry(key)
    let removed = 0
    for (const [oldest, { time }] of this.#entries) {
      const isTooMuch = this.#bytes > this.#bytesMax
      if (!isTooMuch && (removed === idempotencyForgottenMax || !isTooOld({ time }, now))) return
      this.#remove(oldest)
      removed += 1
    }
  }

  #remove(key: string): void {
    if (this.#entries.delete(key)) this.#bytes -= measureEntry(key)
  }
}

function measureEntry(key: string): number {
  return key.length + idempotencyEntryBytes
}

function isTooOld({ time }: { readonly time: number }, now: number): boolean {
  return now - time > idempotencyAgeMaxMs
}
