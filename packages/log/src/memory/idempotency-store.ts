// Which idempotency keys were used, for which events, and what positions they got.

import { LogError } from '../errors.ts'
import {
  idempotencyAgeMaxMs,
  idempotencyBytesMin,
  idempotencyOverheadBytes,
  idempotencyShare,
} from '../limits.ts'
import { quote } from '../quote.ts'

/** The positions of one append: `count` sequences from `first`. */
export interface SequenceRun {
  readonly first: number
  readonly count: number
}

interface Entry extends SequenceRun {
  readonly fingerprint: number
  readonly time: number
}

/** Remembers keys up to an age and a size; the oldest go first. */
export class IdempotencyStore {
  readonly #entries = new Map<string, Entry>()
  readonly #bytesMax: number
  #bytes = 0

  /** `maxBytes` is the bound of the records. */
  constructor(maxBytes: number) {
    this.#bytesMax = Math.max(idempotencyBytesMin, maxBytes * idempotencyShare)
  }

  /**
   * The positions this key was given, undefined for a new key.
   * @throws LogError `IDEMPOTENCY_KEY_REUSED` when it was used for other events
   */
  find(key: string, fingerprint: number): SequenceRun | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.fingerprint === fingerprint) return entry
    throw new LogError(
      'IDEMPOTENCY_KEY_REUSED',
      `The idempotency key ${quote(key)} was used for other events. Use a new key for new events.`,
    )
  }

  add(key: string, entry: Entry): void {
    this.#entries.set(key, entry)
    this.#bytes += measureEntry(key)
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax) return
      this.#remove(oldest)
    }
  }

  /** Forgets keys used too long ago. Each is forgotten once, so an append pays for about one. */
  expire(now: number): void {
    for (const [key, { time }] of this.#entries) {
      if (now - time <= idempotencyAgeMaxMs) return
      this.#remove(key)
    }
  }

  #remove(key: string): void {
    this.#entries.delete(key)
    this.#bytes -= measureEntry(key)
  }
}

function measureEntry(key: string): number {
  return key.length + idempotencyOverheadBytes
}
