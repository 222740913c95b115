// Consumers of a node: where each begins, which session has it, and where it stands.

import { formatCursor, openLedger } from '@tidemark/log'
import type {
  Clock,
  EventLog,
  Ledger,
  LedgerChange,
  NewEntry,
  Position,
  Timer,
} from '@tidemark/log'
import { ServerError } from '../errors.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import type { Permit } from '../request/authorize.ts'
import type { Subscription } from '../request/subscription.ts'
import type { SessionFollower } from '../session/session-followers.ts'
import type { Session } from '../session/session.ts'
import { newSnapshot } from '../session/snapshot-at.ts'
import type { Sink } from '../session/sink.ts'
import { consumerCodec, consumerKey } from './consumer-entry.ts'
import type { ConsumerEntry } from './consumer-entry.ts'
import { findFirstStart } from './first-start.ts'
import type { StartRules } from './start-rules.ts'
import { KeptPlace } from './kept-place.ts'
import { SentEntries } from './sent-entries.ts'
import { consumersOf } from './user-consumers.ts'
import type { ConsumerTable, ConsumersOf, UserConsumers } from './user-consumers.ts'
import {
  consumerKeepMs,
  consumerLifeMs,
  consumersOfUserMax,
  consumersWrittenMax,
} from './limits.ts'

interface Options {
  readonly log: EventLog
  readonly clock: Clock
  readonly permit: Permit | undefined
  readonly onError: (error: unknown) => void
  /** Say where a consumer begins that is new. */
  readonly startRules: StartRules
  /** Where sessions stand that are level with the node. */
  readonly livePosition: () => Position
  /** Ends a session whose consumer another one has. */
  readonly replace: (session: Session) => void
}

/** A session that is about to open with a consumer. */
export interface Taking {
  readonly user: string | undefined
  /** Its id. */
  readonly session: string
  /** Where it begins. */
  readonly after: Position
}

/** A consumer that was taken for a session. */
export interface TakenConsumer {
  /** From now on the place of the session is kept. */
  begin(session: Session, sink: Sink): void
}

/** The open consumers of one node. Without any there is neither a ledger nor a timer. */
export class Consumers implements ConsumerTable, SessionFollower {
  readonly #options: Options
  readonly #open = new Map<string, KeptPlace>()
  readonly #bySession = new Map<Session, KeptPlace>()
  readonly #beingMade = new Map<string, number>()
  #opening: Promise<Ledger<ConsumerEntry>> | undefined
  #ledger: Ledger<ConsumerEntry> | undefined
  #timer: Timer | undefined
  #writing: Promise<void> | undefined
  /** Written by the last look. They are all in the ledger, or it is not known whether they are. */
  readonly #sent = new SentEntries()

  constructor(options: Options) {
    this.#options = options
  }

  /** Those of one user, for whoever looks after them. */
  of(of: ConsumersOf): UserConsumers {
    return consumersOf(this, this.#options, of)
  }

  /** The ledger of consumers, opened when the first one comes. */
  #follow(): Promise<Ledger<ConsumerEntry>> {
    const { log, clock, onError } = this.#options
    this.#opening ??= openLedger(log, 'consumers', { codec: consumerCodec, clock, onError }).then(
      (ledger) => {
        ledger.onChange((change) => this.#change(change))
        this.#ledger = ledger
        return ledger
      },
    )
    return this.#opening.catch((error: unknown) => {
      this.#opening = undefined
      return wrapLogError(error)
    })
  }

  /**
   * The subscription with the place where its consumer stands. A cursor that the client brings goes first.
   * @throws ServerError `UNAUTHENTICATED`, `LOG_UNAVAILABLE`
   */
  async place(subscription: Subscription, user: string | undefined): Promise<Subscription> {
    const { consumer, start: asked } = subscription
    if (consumer === undefined) return subscription
    const owner = requireUser(user)
    if (asked.kind === 'cursor' || asked.kind === 'unreadable') return subscription
    const kept = await this.find(owner, consumer.name)
    if (kept === undefined) {
      if (consumer.hasStart) return subscription
      const { log, startRules } = this.#options
      return { ...subscription, start: await findFirstStart(subscription.topics, startRules, log) }
    }
    const { position } = kept
    const text = formatCursor(position)
    // Another device has none of the values that were read before.
    const start = { kind: 'cursor', position, text, snapshot: newSnapshot } as const
    return { ...subscription, start }
  }

  /** The entry of a consumer as the log holds it now. */
  async find(user: string, name: string): Promise<ConsumerEntry | undefined> {
    const ledger = await this.#level()
    return ledger.get(await consumerKey(user, name))
  }

  /** The consumers of a user, the one that was written longest ago first. */
  async list(user: string): Promise<readonly ConsumerEntry[]> {
    const ledger = await this.#level()
    return ledger.entries().flatMap(({ value }) => (value.user === user ? [value] : []))
  }

  /**
   * Takes a consumer for a session, on every node: a session that had it before is `replaced`. From here on
   * the log knows the place, so nothing is lost that comes while nobody is there.
   * @throws ServerError `CONSUMERS_FULL`, `LOG_UNAVAILABLE`
   */
  async take(
    { consumer }: Subscription,
    { user: given, session, after }: Taking,
  ): Promise<TakenConsumer | undefined> {
    if (consumer === undefined) return undefined
    const { name } = consumer
    const user = requireUser(given)
    const before = await this.find(user, name)
    const entry: ConsumerEntry = {
      user,
      name,
      position: after,
      session,
      turn: (before?.turn ?? 0) + 1,
      seenAt: this.#options.clock.now(),
    }
    const key = await consumerKey(user, name)
    await this.write(key, entry)
    return { begin: (open, sink) => this.#begin(key, entry, { session: open, sink }) }
  }

  /**
   * Writes an entry.
   * @throws ServerError `CONSUMERS_FULL`, `LOG_UNAVAILABLE`
   */
  async write(key: string, entry: ConsumerEntry): Promise<void> {
    const ledger = await this.#follow()
    const isNew = ledger.get(key) === undefined
    if (isNew) this.#requireShare(ledger, entry.user)
    const { user } = entry
    if (isNew) this.#count(user, 1)
    try {
      await ledger.set(key, entry, { expiresAt: entry.seenAt + consumerLifeMs }).catch(wrapFull)
    } finally {
      if (isNew) this.#count(user, -1)
    }
  }

  /** New ones of a user that are being written, beside those that the ledger has. */
  #count(user: string, change: number): void {
    const count = (this.#beingMade.get(user) ?? 0) + change
    if (count === 0) this.#beingMade.delete(user)
    else this.#beingMade.set(user, count)
  }

  #requireShare(ledger: Ledger<ConsumerEntry>, user: string): void {
    const kept = ledger.entries().filter(({ value }) => value.user === user).length
    if (kept + (this.#beingMade.get(user) ?? 0) < consumersOfUserMax) return
    throw new ServerError(
      'CONSUMERS_FULL',
      `A user has ${consumersOfUserMax} consumers at most. Delete some that are not used any more, or leave \`consumer\` out.`,
    )
  }

  /** Deletes an entry; resolves to whether there was one. */
  async delete(key: string): Promise<boolean> {
    const ledger = await this.#follow()
    return ledger.delete(key).catch(wrapLogError)
  }

  /** A session has ended. The last look has written what is known of its place. */
  closed(session: Session): void {
    const place = this.#bySession.get(session)
    if (place === undefined) return
    this.#bySession.delete(session)
    if (this.#open.get(place.key) === place) this.#open.delete(place.key)
  }

  /** Waits for what is being written, and lets go of the log. Sessions have ended before. */
  async close(): Promise<void> {
    this.#timer?.cancel()
    this.#timer = undefined
    await this.#writing
    this.#ledger?.close()
  }

  /** The ledger with all that others have written before this call. */
  async #level(): Promise<Ledger<ConsumerEntry>> {
    const ledger = await this.#follow()
    const { head } = await this.#options.log.bounds().catch(wrapLogError)
    await ledger.reached(head).catch(wrapLogError)
    return ledger
  }

  #begin(key: string, entry: ConsumerEntry, open: { session: Session; sink: Sink }): void {
    const { session } = open
    if (session.isClosed) return
    const now = this.#ledger?.get(key)
    // Another session may have come in between.
    if (now !== undefined && now.session !== session.id && now.turn >= entry.turn) {
      this.#options.replace(session)
      return
    }
    const livePosition = this.#options.livePosition()
    const place = new KeptPlace(key, entry, { ...open, livePosition })
    this.#open.set(key, place)
    this.#bySession.set(session, place)
    this.#arm()
  }

  /** Another session or a reset may have the consumer; one that was deleted is kept no more. */
  #change({ key, value, cause }: LedgerChange<ConsumerEntry>): void {
    if (cause !== 'expired') this.#sent.change(key, value)
    const place = this.#open.get(key)
    if (place === undefined || value?.session === place.session.id) return
    if (value !== undefined && value.turn < place.turn) {
      place.rewrite()
      return
    }
    this.#open.delete(key)
    this.#bySession.delete(place.session)
    if (value !== undefined) this.#options.replace(place.session)
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#open.size + this.#sent.size === 0) return
    this.#timer = this.#options.clock.after(consumerKeepMs, () => {
      this.#timer = undefined
      this.#keep()
      this.#arm()
    })
  }

  /** One append at a time: a log that is slow gets the newest places when it is done. */
  #keep(): void {
    if (this.#writing !== undefined) return
    if (this.#sent.size > 0) {
      this.#writeNow(this.#settle())
      return
    }
    const { clock, livePosition } = this.#options
    const look = { livePosition: livePosition(), now: clock.now() }
    const entries: NewEntry<ConsumerEntry>[] = []
    for (const [key, place] of this.#open) {
      const value = place.look(look)
      if (value === undefined) continue
      entries.push({ key, value, expiresAt: value.seenAt + consumerLifeMs })
      if (entries.length >= consumersWrittenMax) break
    }
    if (entries.length > 0) this.#writeNow(this.#write(entries))
  }

  #writeNow(writing: Promise<void>): void {
    this.#writing = writing.catch(this.#options.onError).finally(() => {
      this.#writing = undefined
    })
  }

  async #write(entries: readonly NewEntry<ConsumerEntry>[]): Promise<void> {
    for (const { key, value } of entries) this.#sent.send(key, value)
    try {
      await this.#ledger?.setAll(entries)
    } catch (error) {
      // The older places stay until then, so these consumers get events again rather than never.
      for (const { key } of entries) this.#open.get(key)?.rewrite()
      throw error
    }
    await this.#putBack()
  }

  /** The last write has failed, and may be in the log all the same. */
  async #settle(): Promise<void> {
    await this.#level()
    await this.#putBack()
  }

  /** Puts back resets, deletions and other sessions' entries that an older place came behind. */
  async #putBack(): Promise<void> {
    const ledger = await this.#follow()
    for (;;) {
      const undone = this.#sent.takeUndone((key) => ledger.get(key))
      if (undone.length === 0) return
      const entries: NewEntry<ConsumerEntry>[] = []
      for (const [key, value] of undone) {
        if (value === undefined) await ledger.delete(key)
        else entries.push({ key, value, expiresAt: value.seenAt + consumerLifeMs })
      }
      if (entries.length > 0) await ledger.setAll(entries)
    }
  }
}

/** A consumer belongs to a user, so that nobody else reads on from there. */
function requireUser(user: string | undefined): string {
  if (user !== undefined) return user
  throw new ServerError(
    'UNAUTHENTICATED',
    'A consumer belongs to a user, and the request is of nobody in particular. Sign in, and send the credentials along; or leave `consumer` out.',
  )
}

function wrapFull(error: unknown): never {
  // By its code: a driver may bring a copy of the log's room of its own.
  const isFull = error instanceof Error && 'code' in error && error.code === 'LEDGER_FULL'
  if (!isFull) return wrapLogError(error)
  throw new ServerError(
    'CONSUMERS_FULL',
    'The log keeps as many consumers as it may. Delete some that nobody uses, or leave `consumer` out.',
    { cause: error },
  )
}
