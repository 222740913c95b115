// A ledger that opens by itself, and is asked for only when it can be read.

import { openLedger } from '@tidemark/log'
import type { Clock, EventLog, Ledger, LedgerCodec } from '@tidemark/log'
import { ServerError } from '@tidemark/server'
import { ledgerRetryMs } from './limits.ts'
import type { Warnings } from './warnings.ts'

interface SharedLedgerOptions<Value> {
  readonly log: EventLog
  readonly name: string
  readonly codec: LedgerCodec<Value>
  readonly clock: Clock
  readonly warnings: Warnings
  /** Called once, before anybody else gets the ledger. */
  readonly onOpen: (ledger: Ledger<Value>) => void
}

/**
 * Opens a ledger, again and again until that succeeds. Until then nobody is let in by what the ledger would
 * say: not knowing of a revocation is no reason to pass.
 */
export class SharedLedger<Value> {
  /** Resolves when the ledger can be read. Never rejects. */
  readonly ready: Promise<void>
  readonly #options: SharedLedgerOptions<Value>
  #tellReady: (() => void) | undefined
  #ledger: Ledger<Value> | undefined
  #attempt: Promise<void>
  #isClosed = false

  constructor(options: SharedLedgerOptions<Value>) {
    this.#options = options
    this.ready = new Promise((resolve) => {
      this.#tellReady = resolve
    })
    this.#attempt = this.#open()
  }

  /** The ledger, where it can be read already: without a turn of the event loop. */
  get current(): Ledger<Value> | undefined {
    return this.#ledger
  }

  /**
   * Waits for an attempt that is under way.
   * @throws ServerError `ACCESS_UNAVAILABLE`
   */
  async require(): Promise<Ledger<Value>> {
    await this.#attempt
    if (this.#ledger !== undefined && !this.#isClosed) return this.#ledger
    throw new ServerError(
      'ACCESS_UNAVAILABLE',
      `The ledger of ${this.#options.name} cannot be read now, so nobody can say what still holds. Try again later.`,
    )
  }

  close(): void {
    this.#isClosed = true
    this.#ledger?.close()
  }

  async #open(): Promise<void> {
    const { log, name, codec, clock, warnings, onOpen } = this.#options
    const subject = `The ledger of ${name} cannot be read, so nobody gets in by a credential`
    try {
      const ledger = await openLedger(log, name, {
        codec,
        clock,
        onError: (error) => warnings.set(`The ledger of ${name}`, error),
      })
      if (this.#isClosed) {
        ledger.close()
        return
      }
      onOpen(ledger)
      warnings.clear(subject)
      this.#ledger = ledger
      this.#tellReady?.()
    } catch (error) {
      if (this.#isClosed) return
      warnings.set(subject, error)
      clock.after(ledgerRetryMs, () => {
        if (!this.#isClosed) this.#attempt = this.#open()
      })
    }
  }
}
