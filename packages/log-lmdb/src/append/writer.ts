// The only way into a write transaction, and the answer when no transaction begins.

import { LogError } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import type { HeldFiles } from '../history/held-files.ts'
import { killAtExit } from './kill-at-exit.ts'
import { inTurn } from './own-turns.ts'
import { beginWaitMs, staleBeginsMax } from '../limits.ts'
import { toStale } from '../open/open-environment.ts'
import type { OwnHistory } from '../history/own-history.ts'
import type { Tables } from '../tables/schema.ts'

const stale = Symbol('stale')

export interface WriterOptions {
  readonly tables: Tables
  readonly held: HeldFiles
  readonly clock: Clock
  /** Called when transactions stop beginning, once each time. */
  readonly onStuck: (text: string) => void
}

/** The write transactions of one handle. */
export class Writer {
  readonly #tables: Tables
  readonly #held: HeldFiles
  readonly #clock: Clock
  readonly #onStuck: (text: string) => void
  #history: OwnHistory | undefined
  #isStuck = false
  #letExit: () => void = () => undefined

  constructor({ tables, held, clock, onStuck }: WriterOptions) {
    this.#tables = tables
    this.#held = held
    this.#clock = clock
    this.#onStuck = onStuck
  }

  /** A transaction was requested and has not begun for {@link beginWaitMs}. */
  get isStuck(): boolean {
    return this.#isStuck
  }

  /**
   * Runs `task` in a write transaction that continues the newest state; see `newest-state.ts`. An
   * error that `task` throws undoes all of the transaction.
   * @throws LogError `LOG_DIRECTORY_LOST`, `LOG_SUPERSEDED`. `LOG_UNAVAILABLE` when the transaction
   *   has not begun after {@link beginWaitMs}; `task` is not run then. Also after {@link
   *   staleBeginsMax} transactions that would have begun at an older state.
   */
  async run<T>(task: () => T): Promise<T> {
    // A lock file that was overwritten may never give a transaction.
    if (this.#history?.isLost === true) this.#history.require()
    return await this.#run(task, () => {
      this.#held.require()
      this.#history?.require()
    })
  }

  /** Refuses, from now on, transactions that would continue another history. */
  keepTo(history: OwnHistory): void {
    this.#history = history
  }

  /**
   * Makes readers go on from the newest state. Writes nothing, so that it also works in a lost
   * directory.
   */
  async settle(): Promise<void> {
    await this.#run(
      () => undefined,
      () => undefined,
    )
  }

  #run<T>(task: () => T, check: () => void): Promise<T> {
    if (this.#isStuck) return Promise.reject(describeStuck())
    return new Promise((resolve, reject) => {
      let isGivenUp = false
      const giveUp = this.#clock.after(beginWaitMs, () => {
        isGivenUp = true
        this.#giveUp()
        reject(describeStuck())
      })
      const begin = (): void => {
        giveUp.cancel()
        this.#recover()
        // The caller has been told that nothing was stored.
        if (isGivenUp) throw describeStuck()
        // Before the newest state is repaired, which must not happen in a file that is not ours.
        check()
      }
      this.#transact(begin, task)
        .then(resolve, reject)
        .finally(() => {
          giveUp.cancel()
          this.#recover()
        })
    })
  }

  async #transact<T>(begin: () => void, task: () => T): Promise<T> {
    const { root, newest } = this.#tables
    for (let begins = 0; begins < staleBeginsMax; begins++) {
      // A child transaction, so that an error undoes all of it.
      const result = await inTurn(newest.directory, () =>
        root.childTransaction(() => {
          const isBase = newest.isBaseOf(root.getWriteTxnId())
          begin()
          if (isBase) return task()
          newest.mend()
          return stale
        }),
      )
      if (result !== stale) return result
    }
    throw toStale()
  }

  #giveUp(): void {
    if (this.#isStuck) return
    this.#isStuck = true
    this.#letExit = killAtExit()
    this.#onStuck(
      `Storage has given no write transaction for ${beginWaitMs / 1000} s. Nothing is stored until it does, and this process can only end by SIGKILL meanwhile; see to the disk and to other processes that hold the log.`,
    )
  }

  #recover(): void {
    if (!this.#isStuck) return
    this.#isStuck = false
    this.#letExit()
  }
}

function describeStuck(): LogError {
  return new LogError(
    'LOG_UNAVAILABLE',
    `Storage gave no write transaction for ${beginWaitMs / 1000} s. Nothing was stored; see to the disk and to other processes that hold the log.`,
  )
}
