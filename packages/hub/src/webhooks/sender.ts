// Sends one webhook, on the node that has its lease. It holds no queue: each round reads the log from the
// cursor, and what was not delivered is read again.

import { comparePositions, formatCursor, parseTopic, parseTopicSet } from '@tidemark/log'
import type { Clock, EventLog, EventRecord, Loss, Page, Position } from '@tidemark/log'
import { hooksPrefix } from './hub-events.ts'
import {
  attemptMsMax,
  deliveriesListedMax,
  heldTopicsMax,
  saveMs,
  saveQuietMs,
  windowRecordsMax,
} from './limits.ts'
import type { RetryTimes } from './limits.ts'
import { toLossMessage, toMessage } from './message.ts'
import type { Message } from './message.ts'
import { Pauses, wholeEndpoint } from './pauses.ts'
import { isBeyond, positionOf } from './place.ts'
import type { HeldTopic, Place } from './place.ts'
import type { Outcome } from './post-message.ts'
import { runRound } from './round.ts'
import type { Webhook } from './webhook.ts'

/** One attempt, as the delivery log shows it. */
export interface Delivery {
  /** `webhook-id`. */
  readonly id: string
  readonly cursor: string
  readonly topic: string
  readonly type: string
  /** 1 for the first. */
  readonly attempt: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly durationMs: number
  readonly outcome: Outcome['kind']
  readonly status?: number | undefined
  readonly error?: string | undefined
}

/** Everything that a sender needs. */
export interface SenderParts {
  readonly webhook: Webhook
  readonly log: EventLog
  readonly clock: Clock
  readonly random: () => number
  readonly times: RetryTimes
  readonly post: (message: Message, signal: AbortSignal) => Promise<Outcome>
  /** Where the tail of this node stands: nothing behind it is sure to stay. */
  readonly tailPosition: () => Position
  /** Whether this node has the lease, by the ledger and by its own clock. */
  readonly holdsLease: () => boolean
  /** The place to go on from, where it is another one than before: at the start, and after a replay. */
  readonly findPlace: (current: Place | undefined) => Place
  /** Keeps the place and the attempts since it was kept last. */
  readonly save: (place: Place, deliveries: readonly Delivery[]) => Promise<void>
  readonly onError: (error: unknown) => void
}

/** Runs until it is stopped. */
export class Sender {
  readonly #parts: SenderParts
  readonly #pauses: Pauses
  readonly #abort = new AbortController()
  readonly #deliveries: Delivery[] = []
  #place: Place
  #isNews = false
  #wake: (() => void) | undefined
  #isDirty = false
  #savedAt: number
  /** Resolves when nothing is sent any more, and the place is kept. */
  readonly ended: Promise<void>

  constructor(parts: SenderParts) {
    this.#parts = parts
    this.#pauses = new Pauses(parts)
    this.#savedAt = parts.clock.elapsed()
    this.#place = parts.findPlace(undefined)
    this.ended = this.#run()
  }

  /** Something of its topics has come to the log, or its place was changed. */
  wake(): void {
    this.#isNews = true
    this.#wake?.()
  }

  /** Attempts under way are cut: their messages come again. */
  stop(reason: string): void {
    this.#abort.abort(new Error(reason))
    this.#wake?.()
  }

  get #isOver(): boolean {
    return this.#abort.signal.aborted
  }

  /** Else another node may be sending by now. */
  get #maySend(): boolean {
    return !this.#isOver && this.#parts.holdsLease()
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      try {
        await this.#step()
      } catch (error) {
        // The log cannot be read, or cannot be written: as an endpoint that is down.
        this.#parts.onError(error)
        await this.#wait(this.#pauses.add(wholeEndpoint, undefined))
      }
    }
    await this.#save().catch(this.#parts.onError)
  }

  async #step(): Promise<void> {
    this.#isNews = false
    this.#adoptPlace()
    // The lease is over, and nobody has said so yet.
    if (!this.#parts.holdsLease()) return this.#wait(saveMs)
    if (this.#pauses.isPaused(wholeEndpoint)) return this.#rest([wholeEndpoint])
    for (const held of this.#place.held) if (!(await this.#sendHeld(held))) return
    const { webhook, log, tailPosition } = this.#parts
    const page = await log.read({
      topics: webhook.topics,
      after: positionOf(this.#place.cursor),
      upTo: tailPosition(),
      limit: windowRecordsMax,
    })
    if (this.#isOver) return
    const lostTo = await this.#tellLoss(page, this.#place.lostTo)
    if (lostTo === undefined) return
    this.#place = { ...this.#place, lostTo }
    const messages = this.#listMessages(page.records)
    const topics = new Set(messages.map(({ topic }) => topic))
    for (const { topic } of this.#place.held) topics.add(topic)
    this.#pauses.keepOnly(topics)
    // Looked at once for each topic: a pause that ends in between would let out its later messages alone.
    const paused = new Set([...topics].filter((topic) => this.#pauses.isPaused(topic)))
    const due = messages.filter(({ topic }) => !paused.has(topic))
    if (due.length > 0) await this.#deliver(due)
    const isWhole = this.#advance(page)
    await this.#saveIfDue()
    const isLevel = comparePositions(page.next, tailPosition()) >= 0
    const isHeldDue = this.#place.held.some(({ topic }) => !this.#pauses.isPaused(topic))
    if (due.length === 0 && !isHeldDue && !(isWhole && !isLevel)) await this.#rest(topics)
  }

  /** Another place, if somebody has asked for a replay. */
  #adoptPlace(): void {
    const place = this.#parts.findPlace(this.#place)
    if (place === this.#place) return
    this.#place = place
    this.#isDirty = true
    this.#pauses.clear()
  }

  /** Those that are to be delivered. Types of the hub's own events that nobody wants count as delivered. */
  #listMessages(records: readonly EventRecord[]): readonly Message[] {
    const { id } = this.#parts.webhook
    const done = new Set(this.#place.done)
    return records
      .filter((record) => this.#isWanted(record) && !this.#isHeld(record.topic))
      .map((record) => toMessage(id, record))
      .filter(({ cursor }) => !done.has(cursor))
  }

  #isHeld(name: string): boolean {
    return this.#place.held.some(({ topic }) => topic === name)
  }

  /**
   * Sends what a topic with a place of its own has up to where all others are; answers whether the endpoint
   * takes more. A topic that is level with them has no place of its own any more.
   */
  async #sendHeld(held: HeldTopic): Promise<boolean> {
    const { topic, cursor: after } = held
    if (this.#pauses.isPaused(topic)) return true
    const page = await this.#parts.log.read({
      topics: parseTopicSet([topic]),
      after: positionOf(after),
      upTo: positionOf(this.#place.cursor),
      limit: windowRecordsMax,
    })
    const lostTo = this.#isOver ? undefined : await this.#tellLoss(page, held.lostTo)
    if (lostTo === undefined) return false
    const { id } = this.#parts.webhook
    const wanted = page.records.filter((record) => this.#isWanted(record))
    await this.#deliver(wanted.map((record) => toMessage(id, record)))
    const done = new Set(this.#place.done)
    const refused = wanted.find(({ position }) => !done.has(formatCursor(position)))
    const taken = new Set(wanted.map(({ position }) => formatCursor(position)))
    const last = refused === undefined ? undefined : wanted[wanted.indexOf(refused) - 1]
    const cursor = formatCursor(
      refused === undefined ? page.next : (last?.position ?? positionOf(after)),
    )
    const isLevel = refused === undefined && !isBeyond(this.#place.cursor, cursor)
    const next = { topic, cursor, refused: refused ? formatCursor(refused.position) : '', lostTo }
    this.#place = {
      ...this.#place,
      done: this.#place.done.filter((each) => !taken.has(each)),
      held: this.#place.held.flatMap((each) => (each !== held ? each : isLevel ? [] : next)),
    }
    this.#isDirty = true
    return this.#maySend && !this.#pauses.isPaused(wholeEndpoint)
  }

  #isWanted({ topic, type, key }: EventRecord): boolean {
    const { events, own } = this.#parts.webhook
    if (!topic.startsWith(hooksPrefix)) return events.has('event')
    // Of topics the key says which, and the pattern whether it is one of those.
    return events.has(type) && (key === undefined || own?.matches(parseTopic(key)) === true)
  }

  async #deliver(messages: readonly Message[]): Promise<void> {
    await runRound(messages, {
      attempt: (message) => this.#attempt(message),
      told: (message, outcome) => this.#note(message, outcome),
    })
  }

  async #attempt(message: Message): Promise<Outcome> {
    const { clock, post } = this.#parts
    // An abort that was before is told to no listener.
    if (!this.#maySend) return { kind: 'failed' }
    const late = new AbortController()
    const { signal } = this.#abort
    const stop = (): void => late.abort(signal.reason)
    signal.addEventListener('abort', stop)
    const timer = clock.after(attemptMsMax, () =>
      late.abort(new Error(`No answer within ${attemptMsMax / 1_000} s.`)),
    )
    const [at, began] = [clock.now(), clock.elapsed()]
    const attempt =
      1 + Math.max(this.#pauses.failures(wholeEndpoint), this.#pauses.failures(message.topic))
    const outcome = await post(message, late.signal)
    timer.cancel()
    signal.removeEventListener('abort', stop)
    const { id, cursor, topic, type } = message
    const durationMs = Math.round(clock.elapsed() - began)
    const { kind, status, error } = outcome
    this.#deliveries.push({
      id,
      cursor,
      topic,
      type,
      attempt,
      at,
      durationMs,
      outcome: kind,
      status,
      error,
    })
    return outcome
  }

  /** Answers whether more may be sent now. */
  #note({ topic, cursor }: Message, { kind, status, error, retryAfterMs }: Outcome): boolean {
    this.#isDirty = true
    // That events are lost is told by an attempt that was answered. An endpoint that does not know this type
    // would refuse it for ever, and hold everything up.
    if (kind === 'delivered' || (kind === 'refused' && topic === wholeEndpoint)) {
      this.#pauses.end(wholeEndpoint)
      this.#pauses.end(topic)
      const done = topic === wholeEndpoint ? this.#place.done : [...this.#place.done, cursor]
      this.#place = { ...this.#place, done, failures: 0, error: '', retryAt: 0 }
      return this.#maySend
    }
    if (!this.#maySend) return false
    const isWhole = kind === 'failed'
    const pauseMs = this.#pauses.add(isWhole ? wholeEndpoint : topic, retryAfterMs)
    this.#place = {
      ...this.#place,
      failures: this.#place.failures + 1,
      error: error ?? `Status ${status}.`,
      retryAt: Math.ceil(this.#parts.clock.now() + pauseMs),
    }
    return !isWhole
  }

  /**
   * Tells the endpoint of what is lost, each loss once, before what follows it. Answers up to where it knows;
   * undefined where it could not be told.
   */
  async #tellLoss({ lost }: Page, lostTo: string): Promise<string | undefined> {
    if (lost === undefined) return lostTo
    const to = formatCursor(lost.to)
    // Positions of another history tell no order.
    if (lost.reason === 'retention' ? !isBeyond(to, lostTo) : to === lostTo) return lostTo
    const message = await this.#describeLoss(lost, to)
    const outcome = await this.#attempt(message)
    this.#note(message, outcome)
    return outcome.kind === 'failed' ? undefined : to
  }

  /** A loss has no time of its own. It is kept before the first attempt, so that all have one body. */
  async #describeLoss(lost: Loss, to: string): Promise<Message> {
    const { webhook, clock } = this.#parts
    const { loss = { to: '', at: 0 } } = this.#place
    if (loss.to === to) return toLossMessage(webhook.id, lost, loss.at)
    const at = clock.now()
    this.#place = { ...this.#place, loss: { to, at } }
    await this.#save()
    return toLossMessage(webhook.id, lost, at)
  }

  /** Moves the cursor over what is delivered; answers whether that is the whole page. */
  #advance({ records, next }: Page): boolean {
    const { cursor: before } = this.#place
    const done = new Set(this.#place.done)
    let cursor = before
    for (const record of records) {
      const own = formatCursor(record.position)
      const isOwed = this.#isWanted(record) && !done.has(own) && !this.#isHeld(record.topic)
      if (isOwed && !this.#hold(record.topic, cursor, own)) {
        this.#moveTo(cursor, done)
        return false
      }
      cursor = own
      done.delete(own)
    }
    this.#moveTo(formatCursor(next), new Set())
    return true
  }

  /** Gives a topic whose event is refused a place of its own, if there is room. */
  #hold(topic: string, cursor: string, refused: string): boolean {
    const { held, lostTo } = this.#place
    if (this.#pauses.failures(topic) === 0 || held.length >= heldTopicsMax) return false
    this.#place = { ...this.#place, held: [...held, { topic, cursor, refused, lostTo }] }
    return true
  }

  #moveTo(cursor: string, done: ReadonlySet<string>): void {
    this.#place = { ...this.#place, cursor, done: [...done] }
  }

  /** Waits for news, for the end of a pause, or until the place is to be kept. */
  async #rest(topics: Iterable<string>): Promise<void> {
    const { clock } = this.#parts
    const dueMs = this.#pauses.waitMs(topics)
    const keptMs = this.#savedAt + (this.#isDirty ? saveMs : saveQuietMs) - clock.elapsed()
    await this.#wait(Math.max(0, Math.min(dueMs ?? Infinity, keptMs)))
    await this.#saveIfDue()
  }

  async #wait(delayMs: number): Promise<void> {
    if (this.#isOver || this.#isNews) return
    await new Promise<void>((resolve) => {
      const timer = this.#parts.clock.after(delayMs, resolve)
      this.#wake = () => {
        timer.cancel()
        resolve()
      }
    })
    this.#wake = undefined
  }

  async #saveIfDue(): Promise<void> {
    const ageMs = this.#parts.clock.elapsed() - this.#savedAt
    if (ageMs >= (this.#isDirty ? saveMs : saveQuietMs)) await this.#save()
  }

  async #save(): Promise<void> {
    this.#savedAt = this.#parts.clock.elapsed()
    await this.#parts.save(this.#place, this.#deliveries.splice(0).slice(-deliveriesListedMax))
    this.#isDirty = false
  }
}
