// The knowledge of a ledger: the newest record per key up to a position of the log, and the last changes.

import { LogError } from '../errors.ts'
import type { EventRecord } from '../event-log.ts'
import { ledgerEndKeptMs, ledgerHistoryCharactersMax, ledgerHistoryMax } from '../limits.ts'
import { comparePositions, formatCursor } from '../position.ts'
import type { Position } from '../position.ts'
import type { Snapshot } from './follower.ts'
import type { LedgerChange, Moment } from './ledger.ts'
import { canExpire, endOf, isThere } from './ledger-record.ts'
import type { Stored } from './ledger-record.ts'

/** A record and what it took the place of. */
interface Step<Value> {
  readonly after: Stored<Value>
  readonly before: Stored<Value> | undefined
  /** Characters of the record. */
  readonly length: number
}

export interface LedgerViewOptions<Value> {
  readonly tell: (change: LedgerChange<Value>) => void
  /** Undefined for a record that no ledger has written. */
  readonly decode: (record: EventRecord) => Stored<Value> | undefined
}

/** One method takes records in; the order in which it is called is the order of the log. */
export class LedgerView<Value> {
  readonly #options: LedgerViewOptions<Value>
  #entries = new Map<string, Stored<Value>>()
  /** The newest steps, oldest first; at most twice what may stay between two cuts. */
  #steps: Step<Value>[] = []
  /** Of their records together. */
  #stepCharacters = 0
  /** `getAt` knows nothing from before. */
  #historyFrom: Position
  /** Nor of a time before: an entry that was there then is forgotten. Milliseconds since 1970. */
  #historyTime = 0
  /** Entries of which listeners know that they have expired. */
  readonly #toldExpired = new Set<Stored<Value>>()
  /** Claims of this ledger's callers that found an entry where they came in the log. */
  readonly #lostClaims = new Set<string>()
  /** The cursors of the newest `ledgerHistoryMax` such claims. An entry put back from one of them is none. */
  readonly #lostPlaces = new Set<string>()
  /** Keys of which the log holds such a claim in the place of the entry, and where. */
  readonly #displaced = new Map<string, Position>()
  #isFirst = true
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

  /**
   * Keys whose entry has to be put back into the log, each with the position of the record that
   * took its place.
   */
  get displaced(): ReadonlyMap<string, Position> {
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
        `This ledger knows its values from ${formatCursor(this.#historyFrom)} on; got ${formatCursor(position)}. Ask before ${ledgerHistoryMax} changes, ${ledgerHistoryCharactersMax} characters or a minute have followed.`,
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

  /**
   * Whether a claim came too late in the order of the log, though the key of another one did not
   * stop it. Asked once.
   */
  takeLostClaim(claim: string): boolean {
    return this.#lostClaims.delete(claim)
  }

  /** Takes the next record of the ledger's topic. `now` decides what listeners hear, and nothing else. */
  apply(record: EventRecord, now: number, isMine: (claim: string) => boolean): void {
    const after = this.#options.decode(record)
    if (after === undefined) return
    const before = this.#entries.get(after.key)
    const effect = this.#judge(after)
    if (effect === 'lost' && after.claim !== undefined && isMine(after.claim))
      this.#lostClaims.add(after.claim)
    if (effect === 'lost') return
    this.#put(after)
    const wasTold = before !== undefined && this.#toldExpired.delete(before)
    if (effect === 'again') {
      if (wasTold) this.#toldExpired.add(after)
      return
    }
    this.#remember({ after, before, length: record.data.length })
    // One that has expired and of which listeners have not heard yet: they shall hear of one end.
    const wasThere =
      before !== undefined && (isThere(before, now) || (canExpire(before) && !wasTold))
    const isNow = isThere(after, now)
    if (!wasThere && !isNow) return
    this.#options.tell({
      key: after.key,
      value: isNow ? after.value : undefined,
      before: wasThere ? before.value : undefined,
      position: after.position,
      time: after.time,
      cause: causes[after.kind],
    })
  }

  /** Takes a whole snapshot in place of all that was known, and tells what differs. */
  replace({ read, tailed, at }: Snapshot<Stored<Value> | undefined>, now: number): void {
    const old = this.#entries
    const told = new Set(this.#toldExpired)
    this.#entries = new Map()
    this.#steps = []
    this.#stepCharacters = 0
    this.#historyFrom = at
    this.#toldExpired.clear()
    this.#lostClaims.clear()
    this.#lostPlaces.clear()
    this.#displaced.clear()
    this.#nextEnd = Infinity
    for (const stored of read) if (stored !== undefined) this.#put(stored)
    for (const record of tailed) {
      const stored = this.#options.decode(record)
      if (stored !== undefined && this.#judge(stored) !== 'lost') this.#put(stored)
    }
    for (const change of this.#compare(old, told, now))
      this.#options.tell({ ...change, position: at, time: now })
  }

  /** The change that listeners have to hear, given what they have heard before. */
  #compare(
    old: ReadonlyMap<string, Stored<Value>>,
    told: ReadonlySet<Stored<Value>>,
    now: number,
  ): readonly Omit<LedgerChange<Value>, 'position' | 'time'>[] {
    const changes: Omit<LedgerChange<Value>, 'position' | 'time'>[] = []
    const compare = (key: string, after: Stored<Value> | undefined): void => {
      const before = old.get(key)
      const isKnown =
        before !== undefined && after !== undefined && isSame(before.origin, after.origin)
      // Listeners hear of its end from what follows, or have heard of it before; else `expire` tells.
      if (after !== undefined && !isThere(after, now) && (!isKnown || told.has(before)))
        this.#toldExpired.add(after)
      const value = isThere(after, now) ? after.value : undefined
      const was =
        before !== undefined && canExpire(before) && !told.has(before) ? before.value : undefined
      if (!isKnown && (value !== undefined || was !== undefined))
        changes.push({ key, value, before: was, cause: 'overtaken' })
    }
    for (const key of old.keys()) compare(key, this.#entries.get(key))
    for (const [key, after] of this.#entries) {
      // Most entries of a first snapshot are there, and nobody listens yet.
      if (!old.has(key) && !(this.#isFirst && isThere(after, now))) compare(key, after)
    }
    this.#isFirst = false
    return changes
  }

  /** Tells of entries that have expired, and forgets what ended a minute ago. Looks at all entries. */
  expire(now: number, position: Position): void {
    this.#nextEnd = Infinity
    for (const stored of this.#entries.values()) {
      const { key, value: before } = stored
      if (canExpire(stored) && endOf(stored) <= now && !this.#toldExpired.has(stored)) {
        this.#toldExpired.add(stored)
        if (stored.fault === undefined)
          this.#options.tell({
            key,
            value: undefined,
            before,
            position,
            time: now,
            cause: 'expired',
          })
      }
      if (now - endOf(stored) > ledgerEndKeptMs) this.#forget(stored)
      else this.#noteEnd(stored)
    }
  }

  /**
   * Judges a record by its own time and place, so that every node decides alike. `lost` is a claim
   * that found an entry where it came in the log. Its idempotency key keeps such a claim out,
   * unless two claims were named after different ends or times. `again` is an entry that was put
   * back and is known.
   */
  #judge(after: Stored<Value>): 'new' | 'again' | 'lost' {
    const before = this.#entries.get(after.key)
    const effect =
      after.displaced === undefined
        ? judgeClaim(before, after)
        : this.#judgePutBack(before, { ...after, displaced: after.displaced })
    if (effect !== 'lost') this.#displaced.delete(after.key)
    else {
      this.#displaced.set(after.key, after.position)
      this.#noteLostPlace(after.position)
    }
    return effect
  }

  #judgePutBack(
    before: Stored<Value> | undefined,
    { displaced, origin }: { readonly displaced: Position; readonly origin: Position },
  ): 'new' | 'again' | 'lost' {
    // A tail that is far behind is not handed superseded records. Then it sees the entry first as
    // it is put back.
    if (before === undefined) return 'new'
    if (isSame(before.origin, origin)) return 'again'
    // By a node that took it for the winner.
    if (this.#lostPlaces.has(formatCursor(origin))) return 'lost'
    if (isSame(before.position, displaced)) return 'new'
    return comparePositions(before.position, origin) > 0 ? 'lost' : 'new'
  }

  #noteLostPlace(position: Position): void {
    this.#lostPlaces.add(formatCursor(position))
    if (this.#lostPlaces.size <= ledgerHistoryMax) return
    const [oldest] = this.#lostPlaces
    if (oldest !== undefined) this.#lostPlaces.delete(oldest)
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
    const isOver = !canExpire(stored) || this.#toldExpired.has(stored)
    this.#nextEnd = Math.min(this.#nextEnd, isOver ? end + ledgerEndKeptMs + 1 : end)
  }

  #remember(step: Step<Value>): void {
    this.#steps.push(step)
    this.#stepCharacters += step.length
    const isShort = this.#stepCharacters <= 2 * ledgerHistoryCharactersMax
    if (isShort && this.#steps.length <= 2 * ledgerHistoryMax) return
    let dropped = 0
    for (const { length } of this.#steps) {
      const isEnough = this.#stepCharacters <= ledgerHistoryCharactersMax
      if (isEnough && this.#steps.length - dropped <= ledgerHistoryMax) break
      this.#stepCharacters -= length
      dropped += 1
    }
    this.#historyFrom = this.#steps[dropped - 1]?.after.position ?? this.#historyFrom
    this.#steps = this.#steps.slice(dropped)
  }
}

function judgeClaim<Value>(
  before: Stored<Value> | undefined,
  { kind, time }: Stored<Value>,
): 'new' | 'lost' {
  return kind === 'claim' && isThere(before, time) ? 'lost' : 'new'
}

/** Of one log: one place has one name. */
function isSame(a: Position, b: Position): boolean {
  return comparePositions(a, b) === 0
}

const causes = {
  set: 'set',
  claim: 'claimed',
  kept: 'set',
  gone: 'deleted',
  deleted: 'deleted',
} as const
