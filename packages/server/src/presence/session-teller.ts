// Tells the other nodes which sessions this one has.
//
// The first change is told at once. Those that come in the pause behind it go together with the next record,
// so that telling costs little where many streams open. A session that closes before that is never told.

import type { Clock, Timer } from '@tidemark/log'
import { tellAgainMs, tellPauseMs, toldCharactersMax, toldSessionsMax } from './limits.ts'
import { encodeChange } from './session-change.ts'
import type { ToldSession } from './session-change.ts'

export interface SessionTellerOptions<Told extends ToldSession> {
  readonly clock: Clock
  /** All sessions of this node, the oldest first. */
  readonly list: () => Iterable<Told>
  /** Makes plain JSON of a session. */
  readonly encode: (session: Told) => unknown
  /** Writes a record; resolves when others can read it. */
  readonly write: (text: string) => Promise<unknown>
  readonly onError: (error: unknown) => void
}

export class SessionTeller<Told extends ToldSession> {
  readonly #options: SessionTellerOptions<Told>
  /** Yet to be told, by id. */
  readonly #opened = new Map<string, Told>()
  /** Of those, the ones that others know as they were before. */
  readonly #changed = new Set<string>()
  /** Told, and closed since. */
  readonly #closed = new Set<string>()
  /** Ids of those that were open when all had to be told anew, and are not told yet. */
  readonly #listed = new Set<string>()
  /** Others have to be told all sessions anew, as they are when the record is made. */
  #isAnew = true
  #isWriting = false
  #retry: Timer | undefined
  #pause: Timer | undefined
  #number = 0
  #isStopped = false

  constructor(options: SessionTellerOptions<Told>) {
    this.#options = options
  }

  /** A session has opened. */
  opened(session: Told): void {
    this.#opened.set(session.id, session)
    this.#tell()
  }

  /** A session that has opened before is another way now. */
  changed(session: Told): void {
    if (!this.#opened.has(session.id)) this.#changed.add(session.id)
    this.opened(session)
  }

  closed(id: string): void {
    const isUntold = this.#opened.delete(id)
    this.#listed.delete(id)
    if (this.#changed.delete(id) || !isUntold) this.#closed.add(id)
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

  #take(): string {
    const isAnew = this.#isAnew
    if (isAnew) this.#listAll()
    const rows: string[] = []
    let characters = 0
    for (const [id, session] of this.#opened) {
      if (rows.length >= toldSessionsMax || characters >= toldCharactersMax) break
      const row = JSON.stringify(this.#options.encode(session))
      rows.push(row)
      characters += row.length
      this.#opened.delete(id)
      this.#changed.delete(id)
      this.#listed.delete(id)
    }
    const closed = [...this.#closed].slice(0, toldSessionsMax)
    for (const id of closed) this.#closed.delete(id)
    this.#number += 1
    const hasMore = this.#listed.size > 0
    return encodeChange({ number: this.#number, isAnew, hasMore, closed }, rows)
  }

  #listAll(): void {
    this.#isAnew = false
    for (const pending of [this.#closed, this.#changed, this.#opened, this.#listed]) pending.clear()
    for (const session of this.#options.list()) {
      this.#opened.set(session.id, session)
      this.#listed.add(session.id)
    }
  }
}
