// The counters that hold for a hub as a whole, however many processes serve it. One process has them
// (`LocalCounts`); the others ask that one.

import type { Clock } from '@tidemark/log'
import { Suspects } from '../addresses/suspects.ts'
import type { Suspect, Suspicion } from '../addresses/suspects.ts'
import { clearAgainMs, rateKeysMax } from '../limits.ts'
import { BoundedLimiter } from './bounded-limiter.ts'
import type { RateRule } from './bounded-limiter.ts'

/** Things counted over time: streams opened by an address, publishes of a user. */
export type RateName = 'publishes' | 'streams'

/** The state of a counter after something was counted. */
export interface RateState {
  readonly isAllowed: boolean
  /** How many in this window, this one included. */
  readonly used: number
  /** How many there may be; null: any number. */
  readonly limit: number | null
  /** Until the window ends. Milliseconds. */
  readonly resetMs: number
}

/** The counters of a hub as its processes ask for them. */
export interface HubCounts {
  /** Counts one; undefined where nobody answers: it is let in. */
  take(rate: RateName, key: string): Promise<RateState | undefined>
  /** Takes a place among the open streams of an address; false: there is none. */
  enter(key: string): Promise<boolean>
  /** Gives back a place. */
  leave(key: string): void
  /** Tells what was seen of addresses; resolves to those that have been refused too often. */
  report(seen: readonly Suspicion[]): Promise<readonly string[]>
  /** The addresses that drew attention; undefined where nobody answers. */
  suspects(): Promise<readonly Suspect[] | undefined>
}

export interface CountRules {
  /** New streams of an address; undefined: not counted. */
  readonly streams: RateRule | undefined
  /** Publishes of a user; undefined: not counted. */
  readonly publishes: RateRule | undefined
  /** Refusals of an address after which it is banned; undefined: never. */
  readonly refusals: RateRule | undefined
  /** Open streams of an address. */
  readonly sessionsPerAddress: number | undefined
}

/** Ends dead sessions of an address in all processes; resolves when they have, or after a while. */
export type ClearDead = (key: string) => Promise<void>

interface Waiting<Process> {
  readonly process: Process
  isGone: boolean
}

/** The counters themselves. `Process` is what one process is known by. */
export class LocalCounts<Process> {
  readonly #limiters: Readonly<Record<RateName | 'refusals', BoundedLimiter | undefined>>
  readonly #suspects: Suspects
  readonly #sessionsMax: number
  /** Open streams by address, and by process below. */
  readonly #sessions = new Map<string, Map<Process, number>>()
  readonly #clearDead: ClearDead
  readonly #clearing = new Map<string, Promise<void>>()
  readonly #clock: Clock
  /** Those that wait for a place. */
  readonly #waiting = new Set<Waiting<Process>>()

  constructor(rules: CountRules, host: { readonly clock: Clock; readonly clearDead: ClearDead }) {
    const { clock, clearDead } = host
    const limit = (rule: RateRule | undefined): BoundedLimiter | undefined =>
      rule && new BoundedLimiter(rule, clock, rateKeysMax)
    const { streams, publishes, refusals, sessionsPerAddress = Infinity } = rules
    this.#limiters = {
      streams: limit(streams),
      publishes: limit(publishes),
      refusals: limit(refusals),
    }
    this.#suspects = new Suspects(clock)
    this.#sessionsMax = sessionsPerAddress
    this.#clearDead = clearDead
    this.#clock = clock
  }

  /** Addresses with open streams. */
  get addressCount(): number {
    return this.#sessions.size
  }

  /** The counters for one process. */
  of(process: Process): HubCounts {
    return {
      take: (rate, key) => this.#take(rate, key),
      enter: (key) => this.#enter(process, key),
      leave: (key) => this.#leave(process, key),
      report: (seen) => this.#report(seen),
      suspects: async () => this.#suspects.list(),
    }
  }

  /** A process has ended: its streams are gone. */
  ended(process: Process): void {
    for (const waiting of this.#waiting) waiting.isGone ||= waiting.process === process
    for (const [key, counts] of this.#sessions) {
      counts.delete(process)
      if (counts.size === 0) this.#sessions.delete(key)
    }
  }

  async #take(rate: RateName, key: string): Promise<RateState | undefined> {
    const limiter = this.#limiters[rate]
    if (limiter === undefined) return undefined
    const { consumedPoints, msBeforeNext } = await limiter.add(key)
    const { points } = limiter
    return {
      isAllowed: consumedPoints <= points,
      used: consumedPoints,
      limit: points < Number.MAX_SAFE_INTEGER ? points : null,
      resetMs: msBeforeNext,
    }
  }

  async #enter(process: Process, key: string): Promise<boolean> {
    if (this.#countOf(key) >= this.#sessionsMax && !(await this.#clearFor(process, key)))
      return false
    // In one turn with taking it, so that no other takes the same place.
    if (this.#countOf(key) >= this.#sessionsMax) return false
    const counts = this.#sessions.get(key) ?? new Map<Process, number>()
    this.#sessions.set(key, counts.set(process, (counts.get(process) ?? 0) + 1))
    return true
  }

  /** Resolves to whether the process is still there: nobody would give back the place of one that is not. */
  async #clearFor(process: Process, key: string): Promise<boolean> {
    const waiting: Waiting<Process> = { process, isGone: false }
    this.#waiting.add(waiting)
    await this.#clear(key)
    this.#waiting.delete(waiting)
    return !waiting.isGone
  }

  /** Once a second for an address at most, however many ask. */
  #clear(key: string): Promise<void> {
    const running = this.#clearing.get(key)
    if (running !== undefined) return running
    const clearing = this.#clearDead(key)
    this.#clearing.set(key, clearing)
    this.#clock.after(clearAgainMs, () => this.#clearing.delete(key))
    return clearing
  }

  #leave(process: Process, key: string): void {
    const counts = this.#sessions.get(key)
    const count = counts?.get(process)
    if (counts === undefined || count === undefined) return
    if (count > 1) counts.set(process, count - 1)
    else counts.delete(process)
    if (counts.size === 0) this.#sessions.delete(key)
  }

  #countOf(key: string): number {
    let sum = 0
    for (const count of this.#sessions.get(key)?.values() ?? []) sum += count
    return sum
  }

  async #report(seen: readonly Suspicion[]): Promise<readonly string[]> {
    const limiter = this.#limiters.refusals
    const beyond: string[] = []
    for (const suspicion of seen) {
      const { key, kind, count } = suspicion
      this.#suspects.note(suspicion)
      if (kind !== 'refused' || limiter === undefined) continue
      const { consumedPoints } = await limiter.add(key, count)
      if (consumedPoints < limiter.points) continue
      // Counting begins anew when the ban has ended.
      await limiter.delete(key)
      beyond.push(key)
    }
    return beyond
  }
}
