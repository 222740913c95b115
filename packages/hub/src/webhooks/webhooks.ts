// All webhooks of a node: which of them it sends, and what is known of them. Of all nodes of a log one sends
// each webhook, by a lease in a ledger.

import { formatCursor, openLedger, parseCursor } from '@tidemark/log'
import type { Clock, EventLog, EventRecord, Ledger, Position, Tail } from '@tidemark/log'
import type { NodeObserver } from '@tidemark/server'
import type { PresentTopics } from '@tidemark/server/hub'
import { quoteValue } from '@tidemark/wire/values'
import { HubError } from '../errors.ts'
import { keepDeliveries, listDeliveries } from './delivery-log.ts'
import { HubEvents } from './hub-events.ts'
import { Leases } from './leases.ts'
import { closeMs, leaseTimes, placeKeptMs, retryTimes } from './limits.ts'
import type { LeaseTimes, RetryTimes } from './limits.ts'
import { beginAt, hookCodec, isPlace, isReplay, keyOf, replayFrom } from './place.ts'
import type { HookEntry, Place, Replay } from './place.ts'
import { drawId } from './draw-id.ts'
import { Poster } from './post-message.ts'
import { Sender } from './sender.ts'
import type { Delivery } from './sender.ts'
import { TopicEvents } from './topic-events.ts'
import { waitAtMost } from './wait-at-most.ts'
import type { Webhook } from './webhook.ts'

export interface WebhooksOptions {
  readonly webhooks: readonly Webhook[]
  readonly log: EventLog
  readonly clock: Clock
  readonly random: () => number
  /** Another name for each process. */
  readonly node: string
  readonly onError: (error: unknown) => void
  /** Default `leaseTimes`. */
  readonly leases?: LeaseTimes | undefined
  /** Default `retryTimes`. */
  readonly retries?: RetryTimes | undefined
}

/** A webhook that this node sends. */
interface Held {
  readonly sender: Sender
  readonly poster: Poster
}

/** A webhook as an operator sees it. */
export interface WebhookState {
  readonly id: string
  /** Without its query, which may hold a secret. */
  readonly url: string
  readonly pattern?: string | undefined
  readonly events: readonly string[]
  readonly allowPrivate: boolean
  /** The node that sends it; null for the moment in which nobody does. */
  readonly node: string | null
  /** Everything up to here is delivered; null before it was sent first. */
  readonly cursor: string | null
  /** Topics that wait behind an event which the endpoint refuses, by the cursor of that event. */
  readonly waiting: readonly { readonly topic: string; readonly cursor: string }[]
  /** Attempts in a row that came to nothing. */
  readonly failures: number
  readonly error: string | null
  /** When it is tried again. Milliseconds since 1970. */
  readonly retryAt: number | null
}

/** The webhooks of one node. */
export class Webhooks {
  readonly #options: WebhooksOptions
  readonly #byId: ReadonlyMap<string, Webhook>
  readonly #held = new Map<string, Held>()
  /** Claims, renewals and first places that are under way. */
  readonly #busy = new Map<string, Promise<void>>()
  readonly #ending = new Set<Promise<void>>()
  readonly #events: HubEvents | undefined
  #topics: TopicEvents | undefined
  #ledger: Ledger<HookEntry> | undefined
  #leases: Leases | undefined
  #tail: Tail | undefined
  #timer: { cancel(): void } | undefined
  #isClosed = false

  constructor(options: WebhooksOptions) {
    this.#options = options
    this.#byId = new Map(options.webhooks.map((webhook) => [webhook.id, webhook]))
    this.#events = tellsOf(options.webhooks, 'session.') ? new HubEvents(options) : undefined
  }

  /** Told of sessions; undefined where no webhook wants to know. */
  get observer(): NodeObserver | undefined {
    return this.#events?.observer
  }

  /** Begins to send. Without webhooks nothing is opened. */
  async start(present: PresentTopics): Promise<void> {
    if (this.#byId.size === 0) return
    const { webhooks, log, clock, onError } = this.#options
    const { head } = await log.bounds()
    const wakeAll = (): void => this.#wake(() => true)
    this.#tail = log.tail(head, { records: (records) => this.#look(records), overtaken: wakeAll })
    this.#ledger = await openLedger(log, 'webhooks', { codec: hookCodec, clock, onError })
    const leases = new Leases(this.#ledger, { ...this.#options, ids: [...this.#byId.keys()] })
    this.#leases = leases
    this.#ledger.onChange(({ key }) => {
      const [kind, id = ''] = key.split(' ')
      if (kind === 'lease') leases.heard(id)
      if (kind === 'lease') this.#follow(id)
      if (kind === 'replay') this.#held.get(id)?.sender.wake()
    })
    if (tellsOf(webhooks, 'topic.'))
      this.#topics = await TopicEvents.open({ ...this.#options, present })
    this.#tick()
  }

  /** Each, as an operator sees it. */
  list(): readonly WebhookState[] {
    return [...this.#byId.values()].map(({ id, url, config, events }) => {
      const place = this.#placeOf(id)
      return {
        id,
        url: url.origin + url.pathname,
        pattern: config.pattern,
        events: [...events],
        allowPrivate: config.allowPrivate ?? false,
        node: this.#leases?.holderOf(id) ?? null,
        cursor: place?.cursor ?? null,
        waiting: (place?.held ?? []).map(({ topic, refused }) => ({ topic, cursor: refused })),
        failures: place?.failures ?? 0,
        error: place === undefined || place.error === '' ? null : place.error,
        retryAt: place === undefined || place.retryAt === 0 ? null : place.retryAt,
      }
    })
  }

  /**
   * The last attempts of one, the newest first.
   * @throws HubError `WEBHOOK_UNKNOWN`
   */
  async deliveries(id: string): Promise<readonly unknown[]> {
    return await listDeliveries(this.#options.log, this.#find(id).id)
  }

  /**
   * Has it go on behind a cursor, or from the oldest event there is (`earliest`). Resolves to the cursor.
   * @throws HubError `WEBHOOK_UNKNOWN`, `WEBHOOK_REPLAY_INVALID`
   */
  async replay(id: string, from: unknown): Promise<string> {
    const { topics } = this.#find(id)
    const position = await this.#readFrom(from, topics)
    const entry: Replay = { id: drawId(this.#options.random), from: formatCursor(position) }
    const expiresAt = this.#options.clock.now() + placeKeptMs
    await this.#openLedger.set(keyOf.replay(id), entry, { expiresAt })
    return entry.from
  }

  /** Before the node closes: cuts what is under way, keeps the places, and gives up the leases. */
  async stop(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#timer?.cancel()
    for (const id of this.#held.keys()) this.#end(id, 'The hub closes.')
    const { clock, onError } = this.#options
    const leave = async (): Promise<void> => {
      // A lease that is being written must not come behind its end.
      await Promise.all([...this.#ending, ...this.#busy.values()])
      await this.#leases?.giveUp()
    }
    await waitAtMost(clock, closeMs, leave().catch(onError))
  }

  /** When the node has closed, and before its log does. */
  async close(): Promise<void> {
    await this.stop()
    await this.#events?.close()
    this.#topics?.close()
    this.#tail?.close()
    this.#ledger?.close()
  }

  get #openLedger(): Ledger<HookEntry> {
    if (this.#ledger === undefined) throw new Error('The webhooks of this node have not started.')
    return this.#ledger
  }

  get #tailPosition(): Position {
    if (this.#tail === undefined) throw new Error('The webhooks of this node have not started.')
    return this.#tail.position
  }

  #find(id: string): Webhook {
    const webhook = this.#byId.get(id)
    if (webhook !== undefined) return webhook
    throw new HubError(
      'WEBHOOK_UNKNOWN',
      `There is no webhook ${quoteValue(id)} in the configuration. GET /admin/webhooks lists those that are.`,
    )
  }

  async #readFrom(from: unknown, topics: Webhook['topics']): Promise<Position> {
    if (from === 'earliest')
      return await this.#options.log.locate({ topics, since: { kind: 'earliest' } })
    const cursor = typeof from === 'string' ? parseCursor(from) : undefined
    if (cursor !== undefined && cursor.parts.size === 0) return cursor.position
    throw new HubError(
      'WEBHOOK_REPLAY_INVALID',
      `from must be "earliest" or a cursor, such as one of GET /admin/webhooks/{id}/deliveries; got ${quoteValue(from)}.`,
    )
  }

  #placeOf(id: string): Place | undefined {
    const entry = this.#ledger?.get(keyOf.place(id))
    return isPlace(entry) ? entry : undefined
  }

  #replayOf(id: string): Replay | undefined {
    const entry = this.#ledger?.get(keyOf.replay(id))
    return isReplay(entry) ? entry : undefined
  }

  #look(records: readonly EventRecord[]): void {
    this.#wake(({ topics }) => records.some(({ topic }) => topics.matches(topic)))
  }

  #wake(isConcerned: (webhook: Webhook) => boolean): void {
    for (const [id, { sender }] of this.#held) {
      const webhook = this.#byId.get(id)
      if (webhook !== undefined && isConcerned(webhook)) sender.wake()
    }
  }

  /** Looks after all leases: also those that a change of the ledger was missed of. */
  #tick(): void {
    if (this.#isClosed) return
    const { clock, leases: { renewMs } = leaseTimes } = this.#options
    this.#timer = clock.after(renewMs, () => this.#tick())
    for (const id of this.#byId.keys()) {
      this.#follow(id)
      this.#take(id, async (leases) => {
        if (leases.isMine(id) && (await leases.renew(id))) await this.#begin(id)
      })
    }
  }

  /** Sends a webhook whose lease this node has, and no other. */
  #follow(id: string): void {
    if (this.#isClosed || !this.#byId.has(id) || this.#leases === undefined) return
    if (this.#leases.holderOf(id) === undefined)
      this.#take(id, async (leases) => {
        if (await leases.claim(id)) await this.#begin(id)
      })
    if (this.#leases.isSilent(id)) this.#take(id, (leases) => leases.release(id))
    if (!this.#leases.maySend(id)) this.#end(id, 'Another node sends this webhook now.')
    else if (!this.#held.has(id)) this.#take(id, () => this.#begin(id))
  }

  /** One step at a time for each webhook. */
  #take(id: string, step: (leases: Leases) => Promise<void>): void {
    if (this.#busy.has(id) || this.#leases === undefined) return
    const done = step(this.#leases)
      .catch(this.#options.onError)
      .finally(() => this.#busy.delete(id))
    this.#busy.set(id, done)
  }

  async #begin(id: string): Promise<void> {
    const webhook = this.#byId.get(id)
    if (webhook === undefined || this.#held.has(id)) return
    const { log, clock, random, onError, retries = retryTimes } = this.#options
    if (this.#placeOf(id) === undefined) {
      // A webhook that is new begins now, on whichever node.
      const expiresAt = clock.now() + placeKeptMs
      await this.#openLedger.claim(keyOf.place(id), beginAt(this.#tailPosition), { expiresAt })
    }
    if (this.#isClosed || this.#leases?.maySend(id) !== true) return
    const poster = new Poster(webhook, clock)
    const sender = new Sender({
      webhook,
      log,
      clock,
      random,
      times: retries,
      post: (message, signal) => poster.post(message, signal),
      tailPosition: () => this.#tailPosition,
      holdsLease: () => this.#leases?.maySend(id) === true,
      findPlace: (current) => this.#findPlace(id, current),
      save: (place, deliveries) => this.#save(id, place, deliveries),
      onError,
    })
    this.#held.set(id, { sender, poster })
  }

  #findPlace(id: string, current: Place | undefined): Place {
    const place = current ?? this.#placeOf(id) ?? beginAt(this.#tailPosition)
    const replay = this.#replayOf(id)
    if (replay === undefined || replay.id === place.replay) return place
    return replayFrom(place, replay)
  }

  async #save(id: string, place: Place, deliveries: readonly Delivery[]): Promise<void> {
    const holder = this.#leases?.holderOf(id)
    // Another node may have delivered more meanwhile, which must not be forgotten.
    if (holder !== undefined && holder !== this.#options.node) return
    const expiresAt = this.#options.clock.now() + placeKeptMs
    await Promise.all([
      this.#openLedger.set(keyOf.place(id), place, { expiresAt }),
      keepDeliveries(this.#options.log, id, deliveries),
    ])
  }

  #end(id: string, reason: string): void {
    const held = this.#held.get(id)
    if (held === undefined) return
    this.#held.delete(id)
    held.sender.stop(reason)
    const ended = this.#closeHeld(held)
    this.#ending.add(ended)
    void ended.finally(() => this.#ending.delete(ended))
  }

  async #closeHeld({ sender, poster }: Held): Promise<void> {
    await sender.ended
    poster.close()
  }
}

function tellsOf(webhooks: readonly Webhook[], kind: string): boolean {
  return webhooks.some(({ events }) => [...events].some((event) => event.startsWith(kind)))
}
