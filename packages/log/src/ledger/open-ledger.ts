// A ledger over any log: what is written goes through the log, what is read has come through its tail.

import { invalidOption } from '../check-option.ts'
import type { Timer } from '../clock.ts'
import { LogError, hasLogCode } from '../errors.ts'
import type { EventLog, EventRecord, NewEvent } from '../event-log.ts'
import { fingerprintBatch } from '../fingerprint.ts'
import { ledgerPrefix } from '../ledger-room.ts'
import { claimTriesMax, ledgerEndKeptMs, ledgerExpiryLateMs, ledgerWaitMs } from '../limits.ts'
import { comparePositions, formatCursor } from '../position.ts'
import type { Position } from '../position.ts'
import { quote } from '../quote.ts'
import { parseTopic } from '../topic.ts'
import type { Topic } from '../topic.ts'
import { validateBatch } from '../validate-batch.ts'
import { Follower } from './follower.ts'
import {
  checkExpiry,
  checkMoment,
  checkOptions,
  drawName,
  encodeValue,
  readEntries,
} from './ledger-options.ts'
import type { CheckedOptions } from './ledger-options.ts'
import type {
  Claim,
  EntryOptions,
  Ledger,
  LedgerChange,
  LedgerEntry,
  LedgerOptions,
  Moment,
  NewEntry,
} from './ledger.ts'
import {
  canExpire,
  decodeStored,
  encodeDeletion,
  encodeEntry,
  endOf,
  isThere,
} from './ledger-record.ts'
import type { Stored } from './ledger-record.ts'
import { LedgerView } from './ledger-view.ts'
import { PutBack } from './put-back.ts'
import { Waiters } from './waiters.ts'

/**
 * Opens the ledger `name` of a log: reads what it holds and follows the log from there. All ledgers
 * of one handle on the log share one tail.
 *
 * A ledger belongs to its log. Opened on a log that was restored from a backup, or that has begun
 * another epoch, it holds what that log holds. An open ledger stops with the log it was opened on.
 *
 * @param name 1 to 64 characters of `a-z`, `0-9` and `-`
 * @throws LogError `OPTION_INVALID`, and the errors of the log's `read` and `tail`
 * @example
 * const codec = { encode: (until: number) => String(until), decode: (text: string) => Number(text) }
 * const bans = await openLedger(log, 'bans', { codec })
 * await bans.set('ada', 7, { expiresAt: Date.now() + 60_000 })
 * const { isWon } = await bans.claim('bob', 9)
 */
export async function openLedger<Value>(
  log: EventLog,
  name: string,
  options: LedgerOptions<Value>,
): Promise<Ledger<Value>> {
  const checked = checkOptions({ log, name, options })
  const ledger = new LogLedger(log, name, checked)
  await ledger.open()
  return ledger
}

class LogLedger<Value> implements Ledger<Value> {
  readonly name: string
  readonly topic: Topic
  readonly #log: EventLog
  readonly #options: CheckedOptions<Value>
  readonly #waiters: Waiters
  readonly #putBack: PutBack<Value>
  readonly #listeners = new Set<(change: LedgerChange<Value>) => void>()
  /** Claims of this ledger that wait for their outcome. */
  readonly #claims = new Set<string>()
  #follower: Follower<Stored<Value> | undefined> | undefined
  #view: LedgerView<Value> | undefined
  #expiry: { readonly timer: Timer; readonly at: number } | undefined
  #isClosed = false

  constructor(log: EventLog, name: string, options: CheckedOptions<Value>) {
    this.name = name
    this.topic = parseTopic(ledgerPrefix + name)
    this.#log = log
    this.#options = options
    this.#waiters = new Waiters({
      clock: options.clock,
      position: () => this.position,
      explain: () => this.#explainSilence(),
      onWaiting: (isWaiting) => this.#follower?.watch(isWaiting),
    })
    this.#putBack = new PutBack({
      ...options,
      topic: this.topic,
      view: () => this.#openView,
      append: (event) => this.#append([event]),
    })
  }

  async open(): Promise<void> {
    const { clock, onError } = this.#options
    this.#follower = await Follower.open({
      log: this.#log,
      clock,
      topic: this.topic,
      prepare: (record) => this.#decode(record),
      onSnapshot: (snapshot) => {
        this.#view ??= this.#createView(snapshot.at)
        this.#view.replace(snapshot, clock.now())
        this.#scheduleExpiry()
        this.#putBack.later()
      },
      onRecords: (records) => {
        const now = clock.now()
        for (const record of records)
          this.#openView.apply(record, now, (claim) => this.#claims.has(claim))
        this.#scheduleExpiry()
        this.#putBack.later()
      },
      onMoved: () => this.#waiters.wake(),
      onError,
    })
  }

  get position(): Position {
    return this.#openFollower.position
  }

  get(key: string): Value | undefined {
    const stored = this.#openView.find(key)
    return isThere(stored, this.#now()) ? stored.value : undefined
  }

  getAt(key: string, moment: Moment): Value | undefined {
    checkMoment(moment)
    if (comparePositions(moment.position, this.position) > 0) {
      throw new LogError(
        'POSITION_INVALID',
        `The ledger stands at ${formatCursor(this.position)}; got ${formatCursor(moment.position)}. Await \`reached\` first.`,
      )
    }
    return this.#openView.findAt(key, moment)?.value
  }

  entries(): readonly LedgerEntry<Value>[] {
    const now = this.#now()
    const entries: LedgerEntry<Value>[] = []
    for (const stored of this.#openView.values()) {
      const { key, value, origin: position, expiresAt } = stored
      if (isThere(stored, now) && value !== undefined)
        entries.push({ key, value, position, expiresAt })
    }
    return entries
  }

  entry(key: string, value: Value, options: EntryOptions = {}): NewEvent {
    const text = encodeValue(this.#options.codec, value)
    return encodeEntry({ topic: this.topic, key, text, expiresAt: checkExpiry(options) })
  }

  async set(key: string, value: Value, options: EntryOptions = {}): Promise<Position> {
    return await this.#append([this.entry(key, value, options)])
  }

  async setAll(entries: readonly NewEntry<Value>[]): Promise<Position> {
    const drafts = readEntries(entries)
    return await this.#append(drafts.map((draft) => this.entry(draft.key, draft.value, draft)))
  }

  async delete(key: string): Promise<boolean> {
    const event = this.deletion(key)
    await this.#reachHead()
    const isDeleted = isThere(this.#openView.find(key), this.#now())
    if (isDeleted) await this.#append([event])
    return isDeleted
  }

  deletion(key: string): NewEvent {
    const event = encodeDeletion(this.topic, key)
    validateBatch({ events: [event] })
    return event
  }

  async claim(key: string, value: Value, options: EntryOptions = {}): Promise<Claim<Value>> {
    const text = encodeValue(this.#options.codec, value)
    const expiresAt = checkExpiry(options)
    const claim = drawName(this.#options.randomBytes)
    const event = encodeEntry({ topic: this.topic, key, text, expiresAt, claim })
    // Before the key is made a name of.
    validateBatch({ events: [event] })
    this.#claims.add(claim)
    try {
      for (let tries = 0; tries < claimTriesMax; tries++) {
        const { breaks } = this.#openFollower
        await this.#reachHead()
        const stored = this.#openView.find(key)
        if (isThere(stored, this.#now())) return toClaim(stored, claim)
        const position = await this.#tryClaim(event, this.#nameClaim(key, stored, tries))
        if (position === undefined) continue
        if (this.#openView.takeLostClaim(claim)) {
          await this.#putBack.entry(key)
          // By this node's clock the winner may have ended meanwhile: it was there at the place of
          // the claim in the log.
          const winner = this.#openView.find(key)
          if (winner !== undefined && canExpire(winner)) return toClaim(winner, claim)
          continue
        }
        if (this.#openFollower.breaks === breaks) return { isWon: true, value, position }
        // The log may hold this claim in the place of an earlier one. Nodes that have seen both put
        // that one back.
        await this.#putBack.byOthers()
      }
    } finally {
      this.#claims.delete(claim)
      this.#view?.takeLostClaim(claim)
    }
    throw new LogError(
      'LOG_UNAVAILABLE',
      `The claim of ${quote(key)} was beaten ${claimTriesMax} times by entries that were gone at once. Try again.`,
    )
  }

  onChange(listener: (change: LedgerChange<Value>) => void): () => void {
    if (typeof listener !== 'function')
      throw invalidOption('A listener must be a function', listener)
    // Its own, so that one function that listens twice is told twice.
    const own = (change: LedgerChange<Value>): void => listener(change)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  async reached(position: Position): Promise<void> {
    this.#requireOpen()
    await this.#waiters.reached(position)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#expiry?.timer.cancel()
    this.#putBack.close()
    this.#follower?.close()
    this.#listeners.clear()
    this.#waiters.rejectAll(describeClosed())
  }

  get #openView(): LedgerView<Value> {
    if (this.#view === undefined) throw describeClosed()
    return this.#view
  }

  get #openFollower(): Follower<Stored<Value> | undefined> {
    if (this.#follower === undefined) throw describeClosed()
    return this.#follower
  }

  #now(): number {
    return this.#options.clock.now()
  }

  #requireOpen(): void {
    if (this.#isClosed) throw describeClosed()
  }

  #createView(at: Position): LedgerView<Value> {
    return new LedgerView(at, {
      tell: (change: LedgerChange<Value>): void => this.#tell(change),
      decode: (record) => this.#decode(record),
    })
  }

  #decode(record: EventRecord): Stored<Value> | undefined {
    const { codec, onError } = this.#options
    const stored = decodeStored(record, codec)
    if (stored?.fault !== undefined) onError(stored.fault)
    return stored
  }

  #tell(change: LedgerChange<Value>): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(change)
      } catch (error) {
        this.#options.onError(error)
      }
    }
  }

  /** Resolves once the ledger stands behind the events, with the position of the last of them. */
  async #append(events: readonly NewEvent[], idempotencyKey?: string): Promise<Position> {
    this.#requireOpen()
    const position = (await this.#log.append({ events, idempotencyKey })).at(-1)
    if (position === undefined)
      throw new LogError('LOG_UNAVAILABLE', 'The log gave no position for an entry of a ledger.')
    await this.reached(position)
    return position
  }

  /** So that what others have written before this call is known. */
  async #reachHead(): Promise<void> {
    this.#requireOpen()
    const { head } = await this.#log.bounds()
    await this.reached(head)
  }

  /** Undefined when another claim was first. */
  async #tryClaim(event: NewEvent, idempotencyKey: string): Promise<Position | undefined> {
    try {
      return await this.#append([event], idempotencyKey)
    } catch (error) {
      if (hasLogCode(error, 'IDEMPOTENCY_KEY_REUSED')) return undefined
      throw error
    }
  }

  /**
   * The same for all claims that would follow the same end of the key's entry, so that the log lets
   * one in. An end is remembered until its own time slot is over. Where none is remembered, the
   * claim is named after the time. Two claims in two slots both enter the log; the first in its
   * order has won.
   */
  #nameClaim(key: string, ended: Stored<Value> | undefined, tries: number): string {
    const now = this.#now()
    const isRemembered = ended !== undefined && now - endOf(ended) <= ledgerEndKeptMs
    const slot = isRemembered
      ? formatCursor(ended.position)
      : String(Math.floor(now / ledgerEndKeptMs))
    const hashes = ['a', 'b'].map((salt) =>
      fingerprintBatch([{ topic: this.topic, key, data: `${salt} ${slot} ${tries}` }]).toString(36),
    )
    return `${claimPrefix}${this.name}/${hashes.join('-')}`
  }

  async #explainSilence(): Promise<unknown> {
    try {
      await this.#log.bounds()
    } catch (error) {
      return error
    }
    return new LogError(
      'LOG_UNAVAILABLE',
      `The log has handed nothing over for ${ledgerWaitMs / 1000} s, so the ledger ${quote(this.name)} does not stand where it should. What was written may be stored; look before you write it again.`,
    )
  }

  #scheduleExpiry(): void {
    const { clock } = this.#options
    const { nextEnd } = this.#openView
    if (nextEnd === Infinity || this.#isClosed) return
    const now = clock.now()
    // At most a minute ahead: a timer knows nothing of a clock that is set.
    const delayMs = Math.min(Math.max(nextEnd - now, ledgerExpiryLateMs), ledgerEndKeptMs)
    const at = now + delayMs
    if (this.#expiry !== undefined && this.#expiry.at <= at) return
    this.#expiry?.timer.cancel()
    const timer = clock.after(delayMs, () => {
      this.#expiry = undefined
      this.#openView.expire(clock.now(), this.position)
      this.#scheduleExpiry()
    })
    this.#expiry = { timer, at }
  }
}

/** Publishers cannot use keys that begin so; see `publish` of the server. */
const claimPrefix = '$hub/'

function toClaim<Value>(stored: Stored<Value>, claim: string): Claim<Value> {
  const { value, origin: position, fault } = stored
  if (value !== undefined) return { isWon: stored.claim === claim, value, position }
  throw new LogError(
    'OPTION_INVALID',
    `The entry of ${quote(stored.key)} is held by a value that the codec of this ledger does not know.`,
    { cause: fault },
  )
}

function describeClosed(): LogError {
  return new LogError('LOG_CLOSED', 'The ledger has been closed. Open a new one.')
}
