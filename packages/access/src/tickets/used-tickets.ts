// The tickets whose streams may come back, the one first that was used longest ago.

import type { Clock } from '@tidemark/log'
import { ticketUseMs } from '../limits.ts'

/** How many are kept for all nodes together. */
export interface UsedBounds {
  readonly ticketsMax: number
  readonly bytesMax: number
}

export class UsedTickets {
  readonly #bounds: UsedBounds
  readonly #clock: Clock
  readonly #tickets = new Map<string, { readonly bytes: number; readonly at: number }>()
  #bytes = 0

  constructor(bounds: UsedBounds, clock: Clock) {
    this.#bounds = bounds
    this.#clock = clock
  }

  /** The ticket was used now. */
  put(hash: string, bytes: number): void {
    this.delete(hash)
    this.#tickets.set(hash, { bytes, at: this.#clock.elapsed() })
    this.#bytes += bytes
  }

  delete(hash: string): void {
    this.#bytes -= this.#tickets.get(hash)?.bytes ?? 0
    this.#tickets.delete(hash)
  }

  /**
   * Those that have to go: a hundredth more than are too many, so that it is seldom done. Never one whose
   * ticket could be used a first time once more.
   */
  listOldest(): readonly string[] {
    const { ticketsMax, bytesMax } = this.#bounds
    if (this.#tickets.size <= ticketsMax && this.#bytes <= bytesMax) return []
    const usedBefore = this.#clock.elapsed() - 2 * ticketUseMs
    const oldest: string[] = []
    let [tickets, bytes] = [this.#tickets.size, this.#bytes]
    for (const [hash, used] of this.#tickets) {
      if (tickets <= ticketsMax * 0.99 && bytes <= bytesMax * 0.99) break
      if (used.at > usedBefore) break
      oldest.push(hash)
      tickets -= 1
      bytes -= used.bytes
    }
    return oldest
  }
}
