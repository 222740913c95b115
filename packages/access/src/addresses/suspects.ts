// Addresses that draw attention, and how often they did: refusals, and requests that break a rule.

import type { Clock } from '@tidemark/log'
import { suspectsMax } from '../limits.ts'

/** Why an address is counted. */
export type SuspicionKind = 'refused' | 'missing-header' | 'user-agent'

/** An address as one process has seen it since it last told. */
export interface Suspicion {
  /** See `countingKey`. */
  readonly key: string
  readonly kind: SuspicionKind
  readonly count: number
}

/** An address and its counts. */
export interface Suspect {
  readonly address: string
  readonly counts: Readonly<Partial<Record<SuspicionKind, number>>>
  /** Milliseconds since 1970. */
  readonly lastAt: number
}

/** Remembers the addresses that were seen last, and forgets those seen longest ago. */
export class Suspects {
  readonly #clock: Clock
  readonly #byKey = new Map<string, Suspect>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  note({ key, kind, count }: Suspicion): void {
    const before = this.#byKey.get(key)
    this.#byKey.delete(key)
    const counts = { ...before?.counts, [kind]: (before?.counts[kind] ?? 0) + count }
    this.#byKey.set(key, { address: key, counts, lastAt: this.#clock.now() })
    if (this.#byKey.size <= suspectsMax) return
    for (const oldest of this.#byKey.keys()) {
      this.#byKey.delete(oldest)
      return
    }
  }

  /** The newest first. */
  list(): readonly Suspect[] {
    return [...this.#byKey.values()].toReversed()
  }
}
