// Puts entries back into the log that a claim which came too late has displaced there.

import type { Clock, Timer } from '../clock.ts'
import { hasLogCode } from '../errors.ts'
import type { NewEvent } from '../event-log.ts'
import { claimTriesMax, ledgerRetryMs } from '../limits.ts'
import type { Topic } from '../topic.ts'
import { encodeValue } from './ledger-options.ts'
import { encodePutBack } from './ledger-record.ts'
import type { Stored } from './ledger-record.ts'
import type { LedgerView } from './ledger-view.ts'
import type { LedgerCodec } from './ledger.ts'

export interface PutBackOptions<Value> {
  readonly topic: Topic
  readonly codec: LedgerCodec<Value>
  readonly clock: Clock
  readonly view: () => LedgerView<Value>
  /** Resolves when the ledger stands behind the event. */
  readonly append: (event: NewEvent) => Promise<unknown>
  /** Told of what could not be put back; it is tried again. */
  readonly onError: (error: unknown) => void
}

/** The log keeps the newest record per key, so a snapshot would hold the claim in the winner's place. */
export class PutBack<Value> {
  readonly #options: PutBackOptions<Value>
  #timer: Timer | undefined
  #isClosed = false

  constructor(options: PutBackOptions<Value>) {
    this.#options = options
  }

  /** Puts one back, again if it changes meanwhile. */
  async entry(key: string): Promise<void> {
    const { topic, view, append } = this.#options
    for (let tries = 0; tries < claimTriesMax; tries++) {
      const displaced = view().displaced.get(key)
      if (displaced === undefined) return
      await append(encodePutBack({ topic, key }, this.#encodeStored(view().find(key)), displaced))
    }
  }

  /** For a claimant that has died before it did: every node that has seen it does so a second later. */
  later(): void {
    const { view, clock, onError } = this.#options
    if (this.#isClosed || view().displaced.size === 0) return
    this.#timer ??= clock.after(ledgerRetryMs, () => {
      this.#timer = undefined
      const keys = [...view().displaced.keys()]
      void Promise.all(keys.map((key) => this.entry(key))).catch((error: unknown) => {
        // A failed attempt is repeated while the log is open.
        if (hasLogCode(error, 'LOG_CLOSED')) return
        onError(error)
        this.later()
      })
    })
  }

  /** Resolves when nodes that have seen more than this one had their time to put back. */
  async byOthers(): Promise<void> {
    const { clock } = this.#options
    const waitMs = 2 * ledgerRetryMs
    await new Promise<void>((resolve) => void clock.after(waitMs, resolve, { isAwaited: true }))
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  /** A value that this codec does not know is put back as it was read. */
  #encodeStored(
    stored: Stored<Value> | undefined,
  ): (Stored<unknown> & { readonly text: string }) | undefined {
    if (stored === undefined) return undefined
    const { text, value } = stored
    if (text !== undefined) return { ...stored, text }
    return { ...stored, text: value === undefined ? '' : encodeValue(this.#options.codec, value) }
  }
}
