// Tells the other nodes which sessions of users this one has.
//
// The first change is told at once. Those that come in the pause behind it go together with the next record,
// so that telling costs little where many streams open. A session that closes before that is never told.

import type { Clock, Timer } from '@tidemark/log'
import { tellAgainMs, tellPauseMs, toldSessionsMax } from '../limits.ts'
import type { SessionChange, ToldSession } from './session-change.ts'

export interface SessionTellerOptions {
  readonly clock: Clock
  /** All sessions of this node, the oldest first. */
  readonly list: () => readonly ToldSession[]
  /** Writes a record; resolves when others can read it. */
  readonly write: (change: SessionChange) => Promise<unknown>
  readonly onError: (error: unknown) => void
}

export class SessionTeller {
  readonly #options: SessionTellerOptions
  /** Yet to be told, by id. */
  readonly #opened = new Map<string, ToldSession>()
  /** Told, and closed since. */
  readonly #closed = new Set<string>()
  /** Others have to be told all sessions anew, as they are when the record is made. */
  #isAnew = true
  #isWriting = false
  #retry: Timer | undefined
  #pause: Timer | undefined
  #number = 0
  #isStopped = false

  constructor(options: SessionTellerOptions) {
    this.#options = options
  }

  opened(session: ToldSession): void {
    this.#opened.set(session.id, session)
    this.#tell()
  }

  closed(id: string): void {
    if (!this.#opened.delete(id)) this.#closed.add(id)
    this.#tell()
  }

  /** Somebody has missed something, or has come. */
  tellAll(): void {
    this.#isAnew = true
    this.#tell()
  }

  stop(): void {
    this.#isStopped = true
    this.#retry?.cancel()
    this.#pause?.cancel()
  }

  #tell(): void {
    if (this.#isWriting || this.#retry !== undefined || this.#isStopped) return
    this.#isWriting = true
    void this.#writeAll()
  }

  async #writeAll(): Promise<void> {
    const { clock, write, onError } = this.#options
    // All changes of this turn go with the first record.
    await Promise.resolve()
    try {
      while (this.#hasNews && !this.#isStopped) {
        await write(this.#take())
        await new Promise<void>((resolve) => {
          this.#pause = clock.after(tellPauseMs, resolve)
        })
      }
    } catch (error) {
      // Which of them others know is not known: they are told all of them.
      this.#isAnew = true
      if (this.#isStopped) return
      this.#retry = clock.after(tellAgainMs, () => {
        this.#retry = undefined
        this.#tell()
      })
      onError(error)
    }
    this.#isWriting = false
  }

  get #hasNews(): boolean {
    return this.#isAnew || this.#opened.size > 0 || this.#closed.size > 0
  }

  #take(): SessionChange {
    const isAnew = this.#isAnew
    if (isAnew) {
      this.#isAnew = false
      this.#closed.clear()
      this.#opened.clear()
      for (const session of this.#options.list()) this.#opened.set(session.id, session)
    }
    const opened = [...this.#opened.values()].slice(0, toldSessionsMax)
    for (const { id } of opened) this.#opened.delete(id)
    const closed = [...this.#closed].slice(0, toldSessionsMax)
    for (const id of closed) this.#closed.delete(id)
    this.#number += 1
    return { number: this.#number, isAnew, opened, closed }
  }
}
