// The addresses that one process finds suspicious, gathered for a moment: a flood of refusals is one message,
// not one each.

import type { Clock, Timer } from '@tidemark/log'
import { suspicionGatherMs, suspicionsGatheredMax } from '../limits.ts'
import type { Suspicion, SuspicionKind } from './suspects.ts'

export interface GathererOptions {
  readonly clock: Clock
  /** Tells the process that counts. Must not throw. */
  readonly tell: (seen: readonly Suspicion[]) => void
}

/** Counts by address and kind until it is told. */
export class SuspicionGatherer {
  readonly #options: GathererOptions
  readonly #counts = new Map<string, Suspicion>()
  #timer: Timer | undefined

  constructor(options: GathererOptions) {
    this.#options = options
  }

  note(key: string, kind: SuspicionKind): void {
    const name = `${kind} ${key}`
    const count = (this.#counts.get(name)?.count ?? 0) + 1
    this.#counts.set(name, { key, kind, count })
    if (this.#counts.size >= suspicionsGatheredMax) this.flush()
    else this.#timer ??= this.#options.clock.after(suspicionGatherMs, () => this.flush())
  }

  /** Tells now. */
  flush(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    if (this.#counts.size === 0) return
    const seen = [...this.#counts.values()]
    this.#counts.clear()
    this.#options.tell(seen)
  }
}
