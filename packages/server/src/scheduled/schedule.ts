// Events that are published later. They wait in a ledger, so that any node can publish one.
//
// The batch that publishes an event also deletes its entry, under a key that the deletion alone would use
// too. So an event is published once or cancelled, whoever is first, over restarts and kills.

import { openLedger, parseTopic, parseTopicSet } from '@tidemark/log'
import type { EventRecord, Ledger, LedgerChange } from '@tidemark/log'
import { hasLogCode, hashTexts, measureUtf8 } from '@tidemark/log/values'
import { quoteValue } from '@tidemark/wire/values'
import { Slots } from '../catch-up/slots.ts'
import { ServerError } from '../errors.ts'
import type { RecordReader } from '../fan-out/fan-out.ts'
import type { NodeSettings } from '../node-settings.ts'
import { ownKey, wrapKeyError } from '../publish/own-key.ts'
import { requirePublisherKey } from '../publish/publish.ts'
import { addTopic, toNewEvent } from '../publish/new-event.ts'
import type { PublishInput } from '../publish/new-event.ts'
import { makeRequestId, pickBetween } from '../random.ts'
import { readMembers } from '../read-members.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import { plainRequest } from '../request/authorize.ts'
import type { RequestFacts } from '../request/authorize.ts'
import type { Grant } from '../request/grant.ts'
import { DueTimes } from '../session/due-times.ts'
import { UserShares } from '../session/user-shares.ts'
import { duePublishedMax, dueRetryMs, staggerMs } from './limits.ts'
import { listEntries, readPageQuery } from './list-entries.ts'
import { readMoment } from './read-moment.ts'
import { describeEntry, entryCodec } from './scheduled-event.ts'
import type {
  Entry,
  ScheduledEvent,
  ScheduledOptions,
  ScheduledPage,
  ScheduledQuery,
  ScheduleOptions,
  TideSchedule,
} from './scheduled-event.ts'

const ledgerName = 'scheduled'
const topic = parseTopic(`$hub/state/${ledgerName}`)

const optionsOf = { code: 'OPTION_INVALID', what: 'The options of a scheduled event' } as const

/** The scheduled events of all nodes, and the clock of this node that publishes them. */
export class Schedule implements TideSchedule, RecordReader {
  readonly #settings: NodeSettings
  readonly #due: DueTimes<string>
  /** Scheduled here: this node is the first to publish them. */
  readonly #own = new Set<string>()
  readonly #shares = new UserShares()
  readonly #slots = new Slots(duePublishedMax)
  /** An error was told, and nothing was published since. */
  #isFailing = false
  /** By `clock.elapsed()`: until then the log is not asked again. */
  #pausedUntil = 0
  #opening: Promise<Ledger<Entry>> | undefined
  #isClosed = false

  constructor(settings: NodeSettings) {
    this.#settings = settings
    this.#due = new DueTimes(settings.clock, (id) => void this.#slots.run(() => this.#publish(id)))
  }

  /** Follows the ledger if it has ever held an event: a log without any costs one look. */
  start(): void {
    this.#look().catch((error: unknown) => {
      if (this.#isClosed) return
      this.#settings.onError(error)
      this.#settings.clock.after(dueRetryMs, () => this.start())
    })
  }

  async #look(): Promise<void> {
    const { log } = this.#settings
    const { head } = await log.bounds()
    const topics = parseTopicSet([topic])
    const after = await log.locate({ topics, since: { kind: 'earliest' } })
    const { records } = await log.read({ topics, after, upTo: head, limit: 1 })
    if (records.length > 0) await this.#open()
  }

  /** The first event that any node schedules. */
  take(record: EventRecord): void {
    if (record.topic === topic && this.#opening === undefined) this.start()
  }

  overtaken(): void {
    if (this.#opening === undefined) this.start()
  }

  async add(name: string, input: PublishInput, options: ScheduleOptions): Promise<ScheduledEvent> {
    const { clock, eventBytesMax, log, random } = this.#settings
    const event = toNewEvent(addTopic(name, input), eventBytesMax)
    const given = readMembers(options, ['at', 'delayMs', 'idempotencyKey', 'by'], optionsOf)
    const { by } = given
    requirePublisherKey(given.idempotencyKey)
    const at = readMoment(given, clock.now())
    const grant = await this.#ask(by, event.topic)
    const idempotencyKey =
      grant === undefined ? given.idempotencyKey : ownKey(given.idempotencyKey, grant)
    const ledger = await this.#open()
    // A repeated call finds the id of the first.
    const id =
      idempotencyKey === undefined ? makeRequestId(random) : hashTexts([name, idempotencyKey])
    const entry: Entry = { at, user: grant?.user, event }
    const written = ledger.entry(id, entry)
    const bytes = weigh(entry)
    if (grant !== undefined && ledger.get(id) === undefined) this.#requireShare(grant, bytes)
    this.#own.add(id)
    this.#shares.put(id, { user: entry.user, bytes })
    try {
      const [position] = await log
        .append({ events: [written], idempotencyKey })
        .catch((error: unknown) => describeFull(error, given.idempotencyKey))
      if (position !== undefined) await ledger.reached(position).catch(wrapLogError)
    } finally {
      // It was refused, or is out: nothing would take it out later. If the ledger gets it all the same, it is
      // filed as that of another node.
      if (ledger.get(id) === undefined) this.#forget(id)
    }
    return describeEntry(id, entry)
  }

  async find(id: string, options: ScheduledOptions = {}): Promise<ScheduledEvent> {
    return describeEntry(id, (await this.#find(id, options)).entry)
  }

  async list(query: ScheduledQuery = {}): Promise<ScheduledPage> {
    const page = readPageQuery(query)
    const grant = await this.#ask(page.by, undefined)
    const ledger = await this.#openLevel()
    const isAll = grant === undefined || grant.permissions?.includes('admin') === true
    const entries = ledger
      .entries()
      .filter(({ value }) => isAll || (value.user !== undefined && value.user === grant.user))
      .map(({ key, value }) => [key, value] as const)
    return listEntries(entries, page)
  }

  async cancel(id: string, options: ScheduledOptions = {}): Promise<void> {
    const { ledger, entry } = await this.#find(id, options)
    const events = [ledger.deletion(id)]
    const [position] = await this.#settings.log
      .append({ events, idempotencyKey: nameEnd(id, entry) })
      .catch((error: unknown) => {
        if (hasLogCode(error, 'IDEMPOTENCY_KEY_REUSED')) throw notFound(id)
        return wrapLogError(error)
      })
    if (position !== undefined) await ledger.reached(position).catch(wrapLogError)
  }

  close(): void {
    this.#isClosed = true
    this.#due.stop()
    this.#opening?.then(
      (ledger) => ledger.close(),
      () => undefined,
    )
  }

  async #find(
    id: string,
    options: ScheduledOptions,
  ): Promise<{ readonly ledger: Ledger<Entry>; readonly entry: Entry }> {
    const { by } = readMembers(options, ['by'], optionsOf)
    if (typeof id !== 'string') throw notFound(id)
    const ledger = await this.#openLevel()
    const entry = ledger.get(id)
    // Somebody who may not ask learns as little of an id that there is as of one that there is not.
    const grant = await this.#ask(by, entry?.event.topic)
    if (entry === undefined) throw notFound(id)
    if (grant !== undefined) requireOwn(entry, grant)
    return { ledger, entry }
  }

  /** With all that the log has. */
  async #openLevel(): Promise<Ledger<Entry>> {
    const ledger = await this.#open()
    const { head } = await this.#settings.log.bounds().catch(wrapLogError)
    await ledger.reached(head).catch(wrapLogError)
    return ledger
  }

  async #ask(by: RequestFacts | undefined, name: string | undefined): Promise<Grant | undefined> {
    const { permit } = this.#settings
    if (by === undefined || permit === undefined) return undefined
    return await permit.ask(plainRequest(by, 'publish', name === undefined ? [] : [name]))
  }

  #requireShare({ user, permissions = [] }: Grant, bytes: number): void {
    if (permissions.includes('admin') || this.#shares.hasRoom(user, bytes)) return
    throw new ServerError(
      'SCHEDULE_FULL',
      'The user has as many events to publish later as others together may still have. Try again when some are out, or cancel some.',
    )
  }

  #open(): Promise<Ledger<Entry>> {
    this.#opening ??= this.#openLedger().catch((error: unknown) => {
      this.#opening = undefined
      return wrapLogError(error)
    })
    return this.#opening
  }

  async #openLedger(): Promise<Ledger<Entry>> {
    const { log, clock, onError } = this.#settings
    const ledger = await openLedger(log, ledgerName, { codec: entryCodec, clock, onError })
    if (this.#isClosed) ledger.close()
    ledger.onChange((change) => this.#file(change))
    for (const { key, value } of ledger.entries()) this.#file({ key, value })
    return ledger
  }

  #file({ key, value }: Pick<LedgerChange<Entry>, 'key' | 'value'>): void {
    if (this.#isClosed) return
    if (value === undefined) {
      this.#due.delete(key)
      this.#forget(key)
      return
    }
    this.#shares.put(key, { user: value.user, bytes: weigh(value) })
    const lateMs = this.#own.has(key)
      ? 0
      : pickBetween(this.#settings.random, staggerMs.from, staggerMs.to)
    this.#due.add(key, value.at + lateMs)
  }

  #forget(id: string): void {
    this.#own.delete(id)
    this.#shares.drop(id)
  }

  /** Publishes an event that is due; if the log does not take it, once more in a second. */
  async #publish(id: string): Promise<void> {
    if (this.#isClosed) return
    const { clock } = this.#settings
    const pauseMs = this.#pausedUntil - clock.elapsed()
    if (pauseMs > 0) {
      this.#due.add(id, clock.now() + pauseMs)
      return
    }
    try {
      await this.#publishNow(id)
      this.#isFailing = false
      this.#pausedUntil = 0
    } catch (error) {
      if (!this.#isClosed) this.#retry(id, error)
    }
  }

  /** Else 100,000 events that are due would each be tried, and told of, every second. */
  #retry(id: string, error: unknown): void {
    const { clock, onError } = this.#settings
    if (!this.#isFailing) onError(error)
    this.#isFailing = true
    if (hasLogCode(error, 'LOG_UNAVAILABLE')) this.#pausedUntil = clock.elapsed() + dueRetryMs
    this.#due.add(id, clock.now() + dueRetryMs)
  }

  /** Publishes an event unless another node has. */
  async #publishNow(id: string): Promise<void> {
    const { log } = this.#settings
    const ledger = await this.#open()
    const entry = ledger.get(id)
    if (entry === undefined || this.#isClosed) return
    const events = [entry.event, ledger.deletion(id)]
    const end = log.append({ events, idempotencyKey: nameEnd(id, entry) })
    const position = await end.then(
      (positions) => positions.at(-1),
      (error: unknown) => {
        if (!hasLogCode(error, 'IDEMPOTENCY_KEY_REUSED')) throw error
      },
    )
    if (position !== undefined) await ledger.reached(position)
    // A repeated call has scheduled it once more, a day later: it has been published.
    if (ledger.get(id)?.at === entry.at) await ledger.delete(id)
  }
}

/** The bytes that an entry takes in the ledger, near enough. */
function weigh({ event }: Entry): number {
  return measureUtf8(event.data) + 512
}

/** The same for the batch that publishes an event and for its deletion: the log lets one of them in. */
function nameEnd(id: string, { at }: Entry): string {
  return `$hub/scheduled/${id}/${at}`
}

function requireOwn({ user }: Entry, grant: Grant): void {
  if (user === undefined || user === grant.user || grant.permissions?.includes('admin')) return
  throw new ServerError(
    'USER_DIFFERS',
    'Another user has scheduled the event. Ask with a credential of that user, or one with the permission "admin".',
  )
}

function notFound(id: unknown): ServerError {
  return new ServerError(
    'SCHEDULED_NOT_FOUND',
    `No event waits under the id ${quoteValue(id)}: it was published or cancelled, or there was none.`,
  )
}

function describeFull(error: unknown, key: string | undefined): never {
  if (!hasLogCode(error, 'LEDGER_FULL')) return wrapKeyError(key, error)
  throw new ServerError(
    'SCHEDULE_FULL',
    'The log holds as many events to publish later as it may, 100,000 or 64 MiB. Try again when some are out, or cancel some.',
    { cause: error },
  )
}
