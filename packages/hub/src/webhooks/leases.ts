// Which node sends which webhook: a lease for each in the ledger `webhooks`.

import { formatCursor } from '@tidemark/log'
import type { Clock, EntryOptions, EventLog, Ledger } from '@tidemark/log'
import { hasLogCode } from '@tidemark/log/values'
import { hooksPrefix } from './hub-events.ts'
import { leaseTimes, webhooksMax } from './limits.ts'
import type { LeaseTimes } from './limits.ts'
import { isLease, keyOf } from './place.ts'
import type { HookEntry, Lease } from './place.ts'

export interface LeasesOptions {
  readonly log: EventLog
  readonly clock: Clock
  /** This process. */
  readonly node: string
  /** Of the webhooks. */
  readonly ids: readonly string[]
  /** Default `leaseTimes`. */
  readonly leases?: LeaseTimes | undefined
}

/** The leases as one node sees them. */
export class Leases {
  readonly #ledger: Ledger<HookEntry>
  readonly #options: LeasesOptions
  readonly #times: LeaseTimes
  /** Until when this node may send each, by `clock.elapsed()`. */
  readonly #validUntil = new Map<string, number>()
  /** When the lease of each was heard of last, by `clock.elapsed()`. */
  readonly #heardAt = new Map<string, number>()
  #isGivenUp = false

  constructor(ledger: Ledger<HookEntry>, options: LeasesOptions) {
    this.#ledger = ledger
    this.#options = options
    this.#times = options.leases ?? leaseTimes
    for (const id of options.ids) this.heard(id)
  }

  /** Somebody has written the lease. */
  heard(id: string): void {
    this.#heardAt.set(id, this.#options.clock.elapsed())
  }

  holderOf(id: string): string | undefined {
    const entry = this.#ledger.get(keyOf.lease(id))
    return isLease(entry) ? entry.node : undefined
  }

  isMine(id: string): boolean {
    return this.holderOf(id) === this.#options.node
  }

  /** Whether this node has the lease, by the ledger and by its own clock. */
  maySend(id: string): boolean {
    return this.isMine(id) && this.#isValid(id)
  }

  /** Takes a lease that nobody has; resolves to whether that was in time. */
  async claim(id: string): Promise<boolean> {
    const at = this.#options.clock.elapsed()
    const { isWon } = await this.#ledger.claim(...this.#entry(id))
    if (isWon) this.#extend(id, at)
    return isWon
  }

  /** Resolves to whether this node has it for longer now. */
  async renew(id: string): Promise<boolean> {
    const at = this.#options.clock.elapsed()
    if (this.#isValid(id)) await this.#ledger.set(...this.#entry(id))
    else if (!(await this.#takeBack(id))) return false
    this.#extend(id, at)
    return true
  }

  /**
   * Whether another node has a lease and does not renew it. Its end alone does not tell: where a clock was
   * set back, the lease of a node that died lasts for as long.
   */
  isSilent(id: string): boolean {
    if (this.isMine(id) || this.holderOf(id) === undefined) return false
    const { lifeMs, renewMs } = this.#times
    const heardAt = this.#heardAt.get(id) ?? Infinity
    return this.#options.clock.elapsed() - heardAt > lifeMs + renewMs
  }

  /** Ends such a lease, once, whichever nodes ask for it. */
  async release(id: string): Promise<void> {
    await this.#reachHead()
    const key = keyOf.lease(id)
    const entry = this.#ledger.entries().find((each) => each.key === key)
    if (entry === undefined || !this.isSilent(id)) return
    const idempotencyKey = `${hooksPrefix}lease/${formatCursor(entry.position)}`
    await this.#options.log.append({ events: [this.#ledger.deletion(key)], idempotencyKey })
  }

  /** Ends those of this node. */
  async giveUp(): Promise<void> {
    this.#isGivenUp = true
    const own = this.#options.ids.filter((id) => this.isMine(id))
    await Promise.all(own.map((id) => this.#ledger.delete(keyOf.lease(id))))
  }

  /**
   * Writes a lease that was not renewed in time, as of a node that stood still: only where nobody else has
   * it by now.
   */
  async #takeBack(id: string): Promise<boolean> {
    const ledger = this.#ledger
    // Each of the others may write its own in between.
    for (let tries = 0; tries < webhooksMax; tries++) {
      await this.#reachHead()
      if (this.#isGivenUp || !this.isMine(id)) return false
      const events = [ledger.entry(...this.#entry(id))]
      try {
        const [position] = await this.#options.log.append({ events, ifHead: ledger.position })
        if (position !== undefined) await ledger.reached(position)
        return true
      } catch (error) {
        if (!hasLogCode(error, 'HEAD_MOVED')) throw error
      }
    }
    return false
  }

  /** A node that stood still hears first what has happened meanwhile. */
  async #reachHead(): Promise<void> {
    const { head } = await this.#options.log.bounds()
    await this.#ledger.reached(head)
  }

  #isValid(id: string): boolean {
    return (this.#validUntil.get(id) ?? -Infinity) > this.#options.clock.elapsed()
  }

  /** By the moment before it was asked for. */
  #extend(id: string, at: number): void {
    this.#validUntil.set(id, at + this.#times.lifeMs - this.#times.marginMs)
  }

  #entry(id: string): [key: string, value: Lease, options: EntryOptions] {
    const { clock, node } = this.#options
    return [keyOf.lease(id), { node }, { expiresAt: clock.now() + this.#times.lifeMs }]
  }
}
