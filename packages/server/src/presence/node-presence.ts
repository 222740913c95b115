// Says in a ledger that this node is there, so that its sessions count; and asks the others for theirs.

import type { Clock, Ledger, Timer } from '@tidemark/log'
import { goneWaitMs, nodeExpiryMs, nodeRefreshMs, tellAgainMs } from './limits.ts'
import type { PresenceTimes } from './limits.ts'
import { encodeWord } from './node-word.ts'
import type { NodeWord } from './node-word.ts'

export interface NodePresenceOptions {
  readonly ledger: Ledger<string>
  readonly clock: Clock
  readonly node: string
  /** The rest of its words. */
  readonly describe: () => Pick<NodeWord, 'everyMs' | 'tells'>
  /** Whether nobody else is there, who would have to hear soon that this node is gone. */
  readonly isAlone: () => boolean
  /** Whether a question is still open when it is to be asked. */
  readonly isAskDue: () => boolean
  /** The others have cleared up after this node while it stood still. */
  readonly onForgotten: () => void
  readonly onError: (error: unknown) => void
}

/** Keys are `node <name>`. The value changes when the node asks: others then tell all their sessions. */
export class NodePresence {
  readonly #options: NodePresenceOptions
  #refresh: Timer | undefined
  #asking: Timer | undefined
  /** When this node asked last. */
  #askedAt = 0
  #hasBegun = false
  #hasBeenThere = false

  constructor(options: NodePresenceOptions) {
    this.#options = options
  }

  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** From now on this node is there, and asks the others for their sessions. */
  begin(): void {
    // Two questions in one millisecond are two.
    this.#askedAt = Math.max(this.#options.clock.now(), this.#askedAt + 1)
    const wasThere = this.#hasBegun
    this.#hasBegun = true
    if (wasThere) this.hurry()
    else void this.#sayAlive()
  }

  /** Others have to hear at once what it says now, or of it more often. */
  hurry(): void {
    if (this.#refresh === undefined || !this.#hasBegun) return
    this.#refresh.cancel()
    void this.#sayAlive()
  }

  /** Asks a little later, once for all who want to know something. */
  ask(): void {
    if (!this.#hasBegun) return
    const { clock, isAskDue } = this.#options
    this.#asking ??= clock.after(tellAgainMs, () => {
      this.#asking = undefined
      if (!isAskDue()) return
      this.#askedAt = Math.max(clock.now(), this.#askedAt + 1)
      void this.#write()
    })
  }

  /** Says that this node is gone. It may begin again. */
  async end(): Promise<void> {
    if (!this.#hasBegun) return
    this.#hasBegun = false
    this.#hasBeenThere = false
    for (const timer of [this.#refresh, this.#asking]) timer?.cancel()
    this.#refresh = undefined
    this.#asking = undefined
    await this.#sayGone()
  }

  get #key(): string {
    return `node ${this.#options.node}`
  }

  /** Now and then. Sessions of a node count only as long as it does. */
  async #sayAlive(): Promise<void> {
    const { clock, ledger, onForgotten, describe } = this.#options
    this.#refresh = undefined
    const isForgotten = this.#hasBeenThere && ledger.get(this.#key) === undefined
    if (isForgotten) this.#askedAt = Math.max(clock.now(), this.#askedAt + 1)
    const said = this.#word
    const isWritten = await this.#write()
    if (isWritten) {
      this.#hasBeenThere = true
      if (isForgotten) onForgotten()
    }
    if (!this.#hasBegun) return
    // Something was to be said at once while the log took this.
    const isStale = isWritten && said !== this.#word
    const pauseMs = isWritten ? (describe().everyMs ?? this.#of(nodeRefreshMs)) : tellAgainMs
    this.#refresh = clock.after(isStale ? 0 : pauseMs, () => void this.#sayAlive())
  }

  get #word(): string {
    return encodeWord({ askedAt: this.#askedAt, ...this.#options.describe() })
  }

  #of({ alone, together }: PresenceTimes): number {
    return this.#options.isAlone() ? alone : together
  }

  async #write(): Promise<boolean> {
    const { clock, ledger, onError } = this.#options
    try {
      await ledger.set(this.#key, this.#word, {
        expiresAt: clock.now() + this.#of(nodeExpiryMs),
      })
      return true
    } catch (error) {
      onError(error)
      return false
    }
  }

  /** A log that hangs must not keep a process from ending: then others find out by themselves. */
  async #sayGone(): Promise<void> {
    const { clock, ledger } = this.#options
    const gone = ledger.delete(this.#key).then(
      () => undefined,
      () => undefined,
    )
    let timer: Timer | undefined
    const waited = new Promise<void>((resolve) => {
      timer = clock.after(goneWaitMs, resolve, { isAwaited: true })
    })
    await Promise.race([gone, waited])
    timer?.cancel()
  }
}
