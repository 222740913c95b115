// Those who wait for a session of a user to close.

import type { Clock } from '@tidemark/log'

export class UserWaiters {
  readonly #clock: Clock
  /** Told when something of a user has changed. */
  readonly #looks = new Map<string, Set<() => void>>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether somebody waits for sessions of a user. */
  has(user: string): boolean {
    return this.#looks.has(user)
  }

  /** Resolves when a condition holds, or after a while. */
  until(user: string, holds: () => boolean, waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const looks = this.#looks.get(user) ?? new Set()
      const end = (): void => {
        timer.cancel()
        looks.delete(look)
        if (looks.size === 0) this.#looks.delete(user)
        resolve()
      }
      const look = (): void => {
        if (holds()) end()
      }
      const timer = this.#clock.after(waitMs, end)
      this.#looks.set(user, looks.add(look))
    })
  }

  /** Something of a user has changed. */
  look(user: string): void {
    for (const look of [...(this.#looks.get(user) ?? [])]) look()
  }
}
