// Turns at checking signatures: so many run at a time.

import { countingKey, parseIpAddress } from '../addresses/ip-address.ts'
import { AddressLines } from './address-lines.ts'

/**
 * A check is a job of the few threads that a process has. Thousands of them would stand before all that other
 * requests need, such as a commit of the log.
 */
export class CheckTurns {
  readonly #atOnceMax: number
  readonly #lines = new AddressLines()
  #running = 0

  constructor(atOnceMax: number) {
    this.#atOnceMax = atOnceMax
  }

  /** Resolves or rejects as `check` does, which begins when its turn has come. */
  async take<Result>(address: string, check: () => Promise<Result>): Promise<Result> {
    if (this.#running >= this.#atOnceMax) await this.#lines.wait(keyOf(address))
    else this.#running += 1
    try {
      return await check()
    } finally {
      // Hands the place over, or gives it back.
      if (!this.#lines.passNext()) this.#running -= 1
    }
  }
}

/** All of a /64 are one, as for limits. */
function keyOf(address: string): string {
  const parsed = parseIpAddress(address)
  return parsed === undefined ? address : countingKey(parsed)
}
