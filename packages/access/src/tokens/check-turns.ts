// Turns at checking signatures, by address: a flood of bad tokens waits for itself, and not the others for
// it.

import { countingKey, parseIpAddress } from '../addresses/ip-address.ts'

/** Those of one address that wait, the oldest first. */
type Line = Set<() => void>

/**
 * Lets so many checks run at a time. Of those that wait each address has its turn, and of one address the
 * oldest. A check is a job of the few threads that a process has. Thousands of them would stand before all
 * that other requests need, such as a commit of the log.
 */
export class CheckTurns {
  readonly #atOnceMax: number
  #running = 0
  readonly #lines = new Map<string, Line>()

  constructor(atOnceMax: number) {
    this.#atOnceMax = atOnceMax
  }

  /** Resolves or rejects as `check` does, which begins when its turn has come. */
  async take<Result>(address: string, check: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#atOnceMax) await this.#wait(address)
    else this.#running += 1
    try {
      return await check()
    } finally {
      this.#pass()
    }
  }

  #wait(address: string): Promise<void> {
    const parsed = parseIpAddress(address)
    // All of a /64 are one, as for limits.
    const key = parsed === undefined ? address : countingKey(parsed)
    return new Promise((resolve) => {
      const line = this.#lines.get(key)
      if (line === undefined) this.#lines.set(key, new Set([resolve]))
      else line.add(resolve)
    })
  }

  /** Hands the place over, or gives it back. The address stands behind all others then. */
  #pass(): void {
    const [next] = this.#lines
    if (next === undefined) {
      this.#running -= 1
      return
    }
    const [key, line] = next
    this.#lines.delete(key)
    const [begin] = line
    if (begin !== undefined) line.delete(begin)
    if (line.size > 0) this.#lines.set(key, line)
    begin?.()
  }
}
