// One node: the sessions that are open here, what they follow, and the way in for publishers.

import { formatCursor } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import type { Permit } from './authorize.ts'
import { Beats } from './beats.ts'
import { BodyBudget } from './body-budget.ts'
import { catchUp } from './catch-up.ts'
import type { Greeting } from './catch-up.ts'
import type { ByeReason } from './control-events.ts'
import { Deadlines } from './deadlines.ts'
import { ServerError } from './errors.ts'
import { FanOut } from './fan-out.ts'
import { Feeds } from './feeds.ts'
import {
  backlogsMax,
  drainRangePerSecond,
  drainSessionsPerSecond,
  goodbyeMs,
  goodbyePollMs,
  heldBlocksBytesMax,
  largeWriteBytesMax,
  largeWriteMs,
  paceMs,
  probeRangeMs,
  readyRetryMs,
  replayReadsMax,
  retrySpreadMs,
} from './limits.ts'
import { HeldBlocks } from './held-blocks.ts'
import { readHistory } from './history.ts'
import type { History, HistoryQuery } from './history.ts'
import { LagLedger } from './lag-ledger.ts'
import type { LagRule } from './lag-rules.ts'
import { LargeWrites } from './large-writes.ts'
import { wrapLogError } from './log-faults.ts'
import { addTopic } from './new-event.ts'
import type { PublishInput, TopicInput } from './new-event.ts'
import { answerFetch } from './fetch/answer-fetch.ts'
import type { FetchOptions } from './fetch/answer-fetch.ts'
import type { NodeSettings } from './node-settings.ts'
import { Pace } from './pace.ts'
import { probe } from './probe.ts'
import { publish } from './publish.ts'
import type { PublishOptions, Receipt } from './publish.ts'
import { makeSessionId, pickBetween } from './random.ts'
import { readRange } from './read-range.ts'
import { requireSink, requireSubscription } from './require-stream.ts'
import { Session } from './session.ts'
import type { SessionHost } from './session.ts'
import type { Compress, Sink } from './sink.ts'
import { Slots } from './slots.ts'
import { resolveStart } from './start-at.ts'
import type { Beginning } from './start-at.ts'
import type { Subscription } from './subscription.ts'
import { Turns } from './turns.ts'

/** The engine of one node. Made by {@link createTidemark}. */
export class Tidemark {
  readonly #settings: NodeSettings
  readonly #feeds: Feeds
  readonly #lagLedger: LagLedger
  readonly #sessions = new Map<string, Session>()
  readonly #beats: Beats
  /** Counts the bodies that doors read for subscriptions. */
  readonly bodies: BodyBudget = new BodyBudget()
  readonly #turns = new Turns()
  readonly #reads = new Slots(replayReadsMax)
  readonly #backlogs = new Slots(backlogsMax)
  readonly #host: SessionHost
  #starting: Promise<FanOut> | undefined
  #fanOut: FanOut | undefined
  /** Sessions that wait to hear from the log where they begin: they count like open ones, or a log that hangs would gather them. */
  #opening = 0
  #isDraining = false

  constructor(settings: NodeSettings) {
    this.#settings = settings
    this.#feeds = new Feeds(settings.topicSetsBytesMax)
    const { log, clock, lagRules, onError } = settings
    this.#lagLedger = new LagLedger({ log, clock, configured: lagRules, onError })
    this.#beats = new Beats(settings.heartbeatMs, settings.clock)
    this.#host = this.#createHost()
    // Whoever subscribes or awaits `ready` is told of a failure; nobody may be waiting yet.
    this.#start().catch(() => undefined)
  }

  /** Resolves when the node follows its log. Each look at it tries again if the log could not be read. */
  get ready(): Promise<void> {
    return this.#start().then(() => undefined)
  }

  /** Sessions open now. */
  get sessionCount(): number {
    return this.#sessions.size
  }

  /** The cursor at which a session that starts now would begin; undefined until {@link ready}. */
  get liveCursor(): string | undefined {
    return this.#fanOut === undefined ? undefined : formatCursor(this.#fanOut.position)
  }

  /** Compresses streams for clients that accept it; undefined: they stay plain. */
  get compress(): Compress | undefined {
    return this.#settings.compress
  }

  /** Asks `authorize` whether a request may do what it asks for; undefined: everybody may everything. */
  get permit(): Permit | undefined {
    return this.#settings.permit
  }

  /** Whether new sessions are refused because the node is shutting down. */
  get isDraining(): boolean {
    return this.#isDraining
  }

  /**
   * Answers a request of the Fetch API with a stream: Hono, Next.js, Bun, Deno, and Workers (in a Durable Object). Reads
   * the topics from the URL, or from the JSON body of a POST, and the cursor from `Last-Event-ID`. Nothing is sent ahead
   * of who reads the body.
   * Refusals are answered as problem+json, or so that a plain EventSource comes back; it never rejects. It may be handed over
   * without its node. A caller that gives a second argument of its own (Next.js, Deno, Bun, Workers) needs `(request) => tide.fetch(request)`.
   */
  readonly fetch: (request: Request, options?: FetchOptions) => Promise<Response> = (
    request,
    options,
  ) => answerFetch(this, request, options)

  /**
   * Refuses a new session while the node is full or draining.
   * @throws ServerError `FULL`, `DRAINING`
   */
  admit(): void {
    if (this.#isDraining) {
      throw new ServerError(
        'DRAINING',
        'This node is shutting down and takes no new sessions. Try again.',
      )
    }
    const { sessionsMax } = this.#settings
    if (this.#sessions.size + this.#opening < sessionsMax) return
    throw new ServerError(
      'FULL',
      `This node holds ${sessionsMax} sessions, as many as it may. Try again later, or raise sessionsMax.`,
    )
  }

  /** A time to come back after, in milliseconds, spread so that those sent away do not return at once. */
  pickRetryMs(): number {
    return pickBetween(this.#settings.random, retrySpreadMs.from, retrySpreadMs.to)
  }

  /**
   * Opens a session on a sink: replays what its start asks for, then lets it follow its feed. `authorize` is not asked here, but by
   * the doors: `subscribe` and `fetch`.
   * @throws ServerError `FULL`, `DRAINING`, `LOG_UNAVAILABLE`, `OPTION_INVALID`; nothing has been written to the sink then
   */
  async open(sink: Sink, subscription: Subscription): Promise<void> {
    requireSink(sink)
    requireSubscription(subscription)
    try {
      await this.#open(sink, subscription)
    } catch (error) {
      // The client is told only that something is wrong here.
      if (!(error instanceof ServerError)) this.#settings.onError(error)
      throw error
    }
  }

  async #open(sink: Sink, subscription: Subscription): Promise<void> {
    this.admit()
    const place = this.#feeds.reserve(subscription.topics)
    let start: Beginning
    let id: string
    try {
      this.#opening += 1
      try {
        start = await this.#findStart(subscription)
      } finally {
        // In the tick in which it becomes a session, so that nobody takes its place in between.
        this.#opening -= 1
      }
      this.admit()
      id = makeSessionId(this.#settings.random)
    } catch (error) {
      this.#feeds.giveBack(place)
      throw error
    }
    const session = new Session(id, this.#feeds.open(place, subscription.framing), {
      sink,
      host: this.#host,
      cursor: start.after,
      pace: this.#createPace(subscription),
    })
    this.#sessions.set(session.id, session)
    this.#beats.add(session)
    try {
      session.open()
    } catch (error) {
      this.#forget(session)
      throw error
    }
    const { heartbeatMs, random } = this.#settings
    const retryMs = pickBetween(random, readyRetryMs.from, readyRetryMs.to)
    this.#bringLevel(session, { ...start, heartbeatMs, retryMs })
  }

  async #findStart(subscription: Subscription): Promise<Beginning> {
    const fanOut = await this.#start()
    const { log } = this.#settings
    return resolveStart(subscription, log, () => fanOut.position).catch(wrapLogError)
  }

  /**
   * Publishes one event. Resolves when the log has it, before it is written to sessions.
   * @throws ServerError for an event that breaks the rules, `OPTION_INVALID`, or `LOG_UNAVAILABLE`; with `by` `UNAUTHENTICATED` and
   * `TOPIC_FORBIDDEN`
   */
  async publish(
    topic: string,
    input: PublishInput,
    options: PublishOptions = {},
  ): Promise<Receipt> {
    return this.publishAll([addTopic(topic, input)], options)
  }

  /**
   * Publishes events all or nothing, in order. Resolves when the log has them.
   * @throws ServerError for an event that breaks the rules (nothing is published then), `OPTION_INVALID`, or `LOG_UNAVAILABLE`; with `by`
   * `UNAUTHENTICATED` and `TOPIC_FORBIDDEN`
   */
  async publishAll(inputs: readonly TopicInput[], options: PublishOptions = {}): Promise<Receipt> {
    const patienceMs = this.#fanOut?.patienceMs ?? 0
    const { cursor, topics } = await publish(this.#settings, inputs, {
      publish: options,
      patienceMs,
    })
    return { cursor, sessions: this.#feeds.countMembers(topics) }
  }

  /**
   * Reads what a topic holds, a page at a time, oldest first.
   * @throws ServerError `TOPIC_INVALID`, `QUERY_INVALID`, `UNAUTHENTICATED`, `TOPIC_FORBIDDEN`, `LOG_UNAVAILABLE`, `OPTION_INVALID`
   *
   * @example
   * ```ts
   * let page = await tide.history({ topic: 'orders/42' })
   * while (page.records.length > 0) page = await tide.history({ topic: 'orders/42', after: page.next })
   * ```
   */
  history(query: HistoryQuery): Promise<History> {
    return readHistory(this.#settings, query)
  }

  /** The lag rules in force here. */
  get lagRules(): readonly LagRule[] {
    return this.#lagLedger.rules.list
  }

  /** Where they come from: a configuration, or {@link setLagRules} of any node. */
  get lagRulesFrom(): 'configuration' | 'change' {
    return this.#lagLedger.from
  }

  /**
   * Replaces the lag rules of all nodes of the log. Resolves when the log has them, to the cursor from which on they hold: each node
   * follows when its tail hands that record over. They outlive restarts, until a node is made with other `lagRules` than the last ones.
   * @throws ServerError `OPTION_INVALID`, `LOG_UNAVAILABLE`
   *
   * @example
   * ```ts
   * await tide.setLagRules([{ pattern: 'prices/**', whenLagging: 'conflate' }, ...tide.lagRules])
   * ```
   */
  async setLagRules(rules: readonly LagRule[]): Promise<string> {
    return formatCursor(await this.#lagLedger.change(rules).catch(wrapLogError))
  }

  /**
   * Publishes a probe to `$hub/probe`; resolves to whether this node's tail handed it over within `timeoutMs`.
   * @param timeoutMs 0 to 86,400,000.
   * @throws ServerError `LOG_UNAVAILABLE`, `OPTION_INVALID`
   */
  async probe(timeoutMs: number): Promise<boolean> {
    readRange({ timeoutMs }, probeRangeMs)
    return probe(this.#settings, await this.#start(), timeoutMs)
  }

  /**
   * Stops taking sessions and sends the open ones away at a steady pace; resolves when the last has left.
   * @param sessionsPerSecond 0.01 to 1,000,000. Default 1,000. Less where several processes drain together.
   * @throws ServerError `OPTION_INVALID`
   */
  async drain(sessionsPerSecond: number = drainSessionsPerSecond): Promise<void> {
    readRange({ sessionsPerSecond }, drainRangePerSecond)
    this.#isDraining = true
    const portion = Math.max(1, Math.round(sessionsPerSecond / 20))
    const pauseMs = (1_000 * portion) / sessionsPerSecond
    while (this.#sessions.size > 0) {
      for (const session of [...this.#sessions.values()].slice(0, portion))
        this.#dismiss(session, 'draining')
      if (this.#sessions.size > 0) await this.#pause(pauseMs)
    }
    // Each leaves when it has read its goodbye, or when its time for that is over.
    while (this.#host.leaving.size > 0) await this.#pause(goodbyePollMs)
  }

  /** Ends all sessions at once and stops following the log. The log itself stays open: it is its maker's to close. */
  async close(): Promise<void> {
    this.#isDraining = true
    for (const session of this.#sessions.values()) this.#dismiss(session, 'draining')
    this.#beats.stop()
    await this.#starting?.catch(() => undefined)
    this.#fanOut?.close()
  }

  #pause(ms: number): Promise<void> {
    const { clock } = this.#settings
    return new Promise((resolve) => clock.after(ms, resolve, { isAwaited: true }))
  }

  /** Follows the log, once; a failure is forgotten, so that the next who asks tries again. */
  #start(): Promise<FanOut> {
    this.#starting ??= this.#follow().catch((error: unknown) => {
      this.#starting = undefined
      return wrapLogError(error)
    })
    return this.#starting
  }

  async #follow(): Promise<FanOut> {
    const { log, clock, flush, onError } = this.#settings
    const feeds = this.#feeds
    const lagLedger = this.#lagLedger
    const head = await lagLedger.start()
    this.#fanOut = new FanOut({ log, feeds, head, clock, flush, lagLedger, onError })
    return this.#fanOut
  }

  /** Sessions are opened once the node follows its log, so for them it is always there. */
  #requireFanOut(): FanOut {
    if (this.#fanOut === undefined) {
      throw new ServerError(
        'LOG_UNAVAILABLE',
        'The node does not follow its log yet. Await `ready`.',
      )
    }
    return this.#fanOut
  }

  #createHost(): SessionHost {
    const { clock, onError, stalledAfterMs } = this.#settings
    const readPosition = (): Position => this.#requireFanOut().position
    return {
      blocked: new Deadlines({
        clock,
        delayMs: stalledAfterMs,
        grainMs: stalledAfterMs / 16,
        onDue: (session) => session.checkProgress(),
      }),
      leaving: new Deadlines({
        clock,
        delayMs: goodbyeMs,
        grainMs: goodbyeMs / 16,
        onDue: (session) => session.cutOff(),
      }),
      paced: new Deadlines({
        clock,
        delayMs: paceMs,
        grainMs: paceMs,
        onDue: (session) => session.renewAllowance(),
      }),
      largeWrites: new LargeWrites({
        clock,
        bytesMax: largeWriteBytesMax,
        writeMs: largeWriteMs,
      }),
      heldBlocks: new HeldBlocks(heldBlocksBytesMax),
      get livePosition() {
        return readPosition()
      },
      catchUp: (session) => this.#bringLevel(session),
      dismiss: (session, reason) => this.#dismiss(session, reason),
      forget: (session) => this.#forget(session),
      onError,
    }
  }

  /** The lower of what the node allows and what the subscription asked for. */
  #createPace(subscription: Subscription): Pace | undefined {
    const { clock, eventsPerSecondMax } = this.#settings
    const perSecond = Math.min(eventsPerSecondMax, subscription.eventsPerSecondMax ?? Infinity)
    return perSecond === Infinity ? undefined : new Pace(clock, perSecond)
  }

  #bringLevel(session: Session, greeting?: Greeting): void {
    const { log } = this.#settings
    const source = {
      log,
      fanOut: this.#requireFanOut(),
      turns: this.#turns,
      reads: this.#reads,
      backlogs: this.#backlogs,
      lagRules: this.#lagLedger.rules,
    }
    catchUp(session, source, greeting).catch((error: unknown) => {
      if (session.isClosed) return
      // The client comes back with its cursor and is served from the log then.
      this.#dismiss(session, 'log-unavailable')
      this.#settings.onError(error)
    })
  }

  #forget(session: Session): void {
    this.#sessions.delete(session.id)
    this.#beats.remove(session)
    this.#feeds.leave(session.feed, session)
    for (const line of [this.#turns, this.#reads, this.#backlogs]) line.leave(session)
  }

  #dismiss(session: Session, reason: ByeReason): void {
    session.bye(reason, this.pickRetryMs())
  }
}
