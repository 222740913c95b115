// What a ledger knows: the newest record per key up to a position of the log, and what changed last.

import { LogError } from '../errors.ts'
import type { EventRecord } from '../event-log.ts'
import { ledgerEndKeptMs, ledgerHistoryMax } from '../limits.ts'
import { comparePositions, formatCursor } from '../position.ts'
import type { Position } from '../position.ts'
import type { Snapshot } from './follower.ts'
import type { LedgerChange, LedgerCodec, Moment } from './ledger.ts'
import { decodeStored, endOf, isThere } from './ledger-record.ts'
import type { Stored } from './ledger-record.ts'

/** A record and what it took the place of. */
interface Step<Value> {
  readonly after: Stored<Value>
  readonly before: Stored<Value> | undefined
}

export interface LedgerViewOptions<Value> {
  readonly codec: LedgerCodec<Value>
  readonly tell: (change: LedgerChange<Value>) => void
  readonly onError: (error: unknown) => void
  /** The data of a record that puts an entry back in the place of a claim. */
  readonly encode: (stored: Stored<Value>, displaced: string) => string
}

/** One method takes records in; the order in which it is called is the order of the log. */
export class LedgerView<Value> {
  readonly #options: LedgerViewOptions<Value>
  #entries = new Map<string, Stored<Value>>()
  /** The newest steps, oldest first; at most twice `ledgerHistoryMax` between two cuts. */
  #steps: Step<Value>[] = []
  /** `getAt` knows nothing from before. */
  #historyFrom: Position
  /** Nor of a time before: an entry that was there then is forgotten. Milliseconds since 1970. */
  #historyTime = 0
  /** Entries of which listeners know that they have expired. */
  readonly #toldExpired = new Set<Stored<Value>>()
  /** Claims that found an entry where they came in the log. */
  readonly #lostClaims = new Set<string>()
  /** Keys of which the log holds such a claim in the place of the entry, and the claim. */
  readonly #displaced = new Map<string, string>()
  /** No entry ends before. Too early where the entry has been replaced. */
  #nextEnd = Infinity

  constructor(start: Position, options: LedgerViewOptions<Value>) {
    this.#historyFrom = start
    this.#options = options
  }

  /** When `expire` has something to do, in milliseconds since 1970; `Infinity` for never. */
  get nextEnd(): number {
    return this.#nextEnd
  }

  /** Keys whose entry has to be put back into the log, because a snapshot holds the claim named here for it. */
  get displaced(): ReadonlyMap<string, string> {
    return this.#displaced
  }

  /** The newest record of a key, also one that ended its entry less than a minute ago. */
  find(key: string): Stored<Value> | undefined {
    return this.#entries.get(key)
  }

  /** @throws LogError `POSITION_INVALID` for a moment from before what is remembered */
  findAt(key: string, { position, time }: Moment): Stored<Value> | undefined {
    if (comparePositions(position, this.#historyFrom) < 0 || time < this.#historyTime) {
      throw new LogError(
        'POSITION_INVALID',
        `This ledger knows its values from ${formatCursor(this.#historyFrom)} on; got ${formatCursor(position)}. Ask before ${ledgerHistoryMax} changes or a minute have followed.`,
      )
    }
    let found = this.#entries.get(key)
    for (let i = this.#steps.length - 1; i >= 0; i--) {
      const step = this.#steps[i]
      if (step === undefined || comparePositions(step.after.position, position) <= 0) break
      if (step.after.key === key) found = step.before
    }
    return isThere(found, time) ? found : undefined
  }

  values(): Iterable<Stored<Value>> {
    return this.#entries.values()
  }

  /** Whether a claim came too late in the order of the log, though another one's key did not stop it. Asked once. */
  takeLostClaim(claim: string): boolean {
    return this.#lostClaims.delete(claim)
  }

  /** Takes the next record of the ledger's topic. `now` decides what listeners hear, and nothing else. */
  apply(record: EventRecord, now: number, isMine: (claim: string) => boolean): void {
    const after = this.#decode(record)
    if (after === undefined) return
    const before = this.#entries.get(after.key)
    if (this.#isLost(after, record.data)) {
      if (after.claim !== undefined && isMine(after.claim)) this.#lostClaims.add(after.claim)
      return
    }
    this.#put(after)
    this.#remember({ after, before })
    const wasThere = isThere(before, now) || (before !== undefined && this.#isUntold(before))
    if (before !== undefined) this.#toldExpired.delete(before)
    const isNow = isThere(after, now)
    if (!wasThere && !isNow) return
    this.#options.tell({
      key: after.key,
      value: isNow ? after.value : undefined,
      before: wasThere ? before?.value : undefined,
      position: after.position,
      cause: causes[after.kind],
    })
  }

  /** Takes a whole snapshot in place of all that was known, and tells what differs. */
  replace({ read, tailed, at }: Snapshot, now: number): void {
    const old = this.#entries
    this.#entries = new Map()
    this.#steps = []
    this.#historyFrom = at
    this.#toldExpired.clear()
    this.#lostClaims.clear()
    this.#displaced.clear()
    this.#nextEnd = Infinity
    for (const record of read) {
      const stored = this.#decode(record)
      if (stored !== undefined) this.#put(stored)
    }
    for (const record of tailed) {
      const stored = this.#decode(record)
      if (stored !== undefined && !this.#isLost(stored, record.data)) this.#put(stored)
    }
    for (const key of new Set([...old.keys(), ...this.#entries.keys()])) {
      const before = old.get(key)
      const after = this.#entries.get(key)
      const value = isThere(after, now) ? after.value : undefined
      const was = isThere(before, now) ? before.value : undefined
      const isSame = before !== undefined && after?.position === before.position
      if (isSame || (value === undefined && was === undefined)) continue
      this.#options.tell({ key, value, before: was, position: at, cause: 'overtaken' })
    }
  }

  /** Tells of entries that have expired, and forgets what ended a minute ago. Looks at all entries. */
  expire(now: number, position: Position): void {
    this.#nextEnd = Infinity
    for (const stored of this.#entries.values()) {
      const { key, value: before, kind } = stored
      if (kind !== 'deleted' && endOf(stored) <= now && !this.#toldExpired.has(stored)) {
        this.#toldExpired.add(stored)
        if (stored.fault === undefined)
          this.#options.tell({ key, value: undefined, before, position, cause: 'expired' })
      }
      if (now - endOf(stored) > ledgerEndKeptMs) this.#forget(stored)
      else this.#noteEnd(stored)
    }
  }

  #decode(record: EventRecord): Stored<Value> | undefined {
    const stored = decodeStored(record, this.#options.codec)
    if (stored?.fault !== undefined) this.#options.onError(stored.fault)
    return stored
  }

  /**
   * Whether a claim found an entry where it came in the log: it has no effect. By the record's own time, so that every node decides
   * alike. The claim's idempotency key has kept it out of the log, unless two claims were named after different ends or times.
   */
  #isLost(after: Stored<Value>, data: string): boolean {
    const { key, kind, time, claim, displaced } = after
    const before = this.#entries.get(key)
    if (kind === 'kept' && displaced !== undefined) {
      // Who has read a snapshot meanwhile takes the lost claim for the entry, and only they do.
      const isMistaken = before?.claim === displaced
      const isRight = before?.fault !== undefined || data === this.#encode(before, displaced)
      if (isMistaken || isRight) this.#displaced.delete(key)
      else this.#displaced.set(key, claim ?? '0')
      return !isMistaken
    }
    if (kind === 'claim' && claim !== undefined && isThere(before, time)) {
      this.#displaced.set(key, claim)
      return true
    }
    this.#displaced.delete(key)
    return false
  }

  #encode(stored: Stored<Value> | undefined, displaced: string): string | undefined {
    return stored && this.#options.encode(stored, displaced)
  }

  /** Anew, so that the order of the map is that of positions. */
  #put(stored: Stored<Value>): void {
    this.#entries.delete(stored.key)
    this.#entries.set(stored.key, stored)
    this.#noteEnd(stored)
  }

  #forget(stored: Stored<Value>): void {
    this.#historyTime = Math.max(this.#historyTime, endOf(stored))
    this.#entries.delete(stored.key)
    this.#toldExpired.delete(stored)
  }

  #noteEnd(stored: Stored<Value>): void {
    const end = endOf(stored)
    const isOver = stored.kind === 'deleted' || this.#toldExpired.has(stored)
    this.#nextEnd = Math.min(this.#nextEnd, isOver ? end + ledgerEndKeptMs + 1 : end)
  }

  /** Expired, and the listeners have not heard of it yet: they shall hear of one end. */
  #isUntold(stored: Stored<Value>): boolean {
    return stored.kind !== 'deleted' && !this.#toldExpired.has(stored)
  }

  #remember(step: Step<Value>): void {
    this.#steps.push(step)
    if (this.#steps.length <= 2 * ledgerHistoryMax) return
    const dropped = this.#steps.length - ledgerHistoryMax
    this.#historyFrom = this.#steps[dropped - 1]?.after.position ?? this.#historyFrom
    this.#steps = this.#steps.slice(dropped)
  }
}

const causes = { set: 'set', claim: 'claimed', kept: 'set', deleted: 'deleted' } as const
