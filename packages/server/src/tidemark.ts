// One node as its users see it: doors for streams, the way in for publishers, and the sessions open here.

import { formatCursor } from '@tidemark/log'
import type { RequestFacts } from './request/authorize.ts'
import { BodyBudget } from './request/body-budget.ts'
import type { ConsumersOf, UserConsumers } from './consumers/user-consumers.ts'
import { requirePermission } from './request/require-permission.ts'
import type { ReachOptions, SessionReach } from './control/session-reach.ts'
import { ServerError } from './errors.ts'
import { answerFetch } from './fetch/answer-fetch.ts'
import type { FetchOptions } from './fetch/answer-fetch.ts'
import { drainRangePerSecond, drainSessionsPerSecond, probeRangeMs } from './limits.ts'
import { addTopic } from './publish/new-event.ts'
import type { PublishInput, TopicInput } from './publish/new-event.ts'
import { NodeEngine } from './node-engine.ts'
import type { NodeSettings } from './node-settings.ts'
import type { NodeStats } from './observer/node-stats.ts'
import { probe } from './publish/probe.ts'
import { publish, publishCopies, publishDeletion } from './publish/publish.ts'
import type {
  Copies,
  DeleteOptions,
  Published,
  PublishOptions,
  Receipt,
} from './publish/publish.ts'
import { Presence } from './presence/presence.ts'
import type { PresentTopics } from './presence/present-topics.ts'
import type { PresenceQuery, TopicPresent } from './presence/read-presence.ts'
import { quoteValue } from '@tidemark/wire/values'
import { readMembers } from './read-members.ts'
import { readRange } from './read-range.ts'
import type { TideRules } from './rules/node-rules.ts'
import { requireSink, requireSubscription } from './request/require-stream.ts'
import type { TideSchedule } from './scheduled/scheduled-event.ts'
import { send } from './send/send.ts'
import type { SendEvent, SendReceipt } from './send/send.ts'
import type { SendTarget } from './send/send-target.ts'
import type { UserReach } from './send/user-reach.ts'
import type { SessionHandle, SessionOwner } from './session/session-handle.ts'
import { readOwner, requireHolder } from './request/session-owner.ts'
import { readFilter } from './session/session-filter.ts'
import { askedBy } from './session/session-holder.ts'
import type { SessionFilter } from './session/session-registry.ts'
import type { Sink } from './session/sink.ts'
import type { Granted, StreamOpener } from './request/stream-opener.ts'
import type { Subscription } from './request/subscription.ts'
import { TopicReader } from './topic-reader.ts'
import type { Trace, TraceQuestion } from './trace/trace.ts'

/** One node. Made by {@link createTidemark}. */
export class Tidemark extends TopicReader implements StreamOpener {
  readonly #settings: NodeSettings
  readonly #engine: NodeEngine
  readonly #presence: Presence
  /** Counts the bodies that doors read for subscriptions. */
  readonly bodies: BodyBudget = new BodyBudget()

  constructor(settings: NodeSettings) {
    super(settings)
    this.#settings = settings
    this.#engine = new NodeEngine(settings)
    this.#presence = new Presence(settings, this.#engine)
  }

  /** Resolves when the node follows its log. Each look at it tries again if the log could not be read. */
  get ready(): Promise<void> {
    return this.#engine.start().then(() => undefined)
  }

  /** Sessions open now. */
  get sessionCount(): number {
    return this.#engine.sessions.size
  }

  /** The counters of this node since it was made, and what is open now. Plain JSON. */
  stats(): NodeStats {
    return this.#settings.watch.stats(this.#engine.gauges)
  }

  /** The cursor at which a session that starts now would begin; undefined until {@link ready}. */
  get liveCursor(): string | undefined {
    const { position } = this.#engine
    return position === undefined ? undefined : formatCursor(position)
  }

  /** Which topics have sessions, for Tidemark's own packages. */
  get presentTopics(): PresentTopics {
    return this.#presence
  }

  /** Whether new sessions are refused because the node is shutting down. */
  get isDraining(): boolean {
    return this.#engine.isDraining
  }

  /**
   * Answers a request of the Fetch API with a stream: Hono, Next.js, Bun, Deno, and Workers (in a Durable
   * Object). The stream follows the `topics` in the options. Without them it follows those that the URL or
   * the JSON body of a POST names, as far as `authorize` lets the client choose. The cursor is in
   * `Last-Event-ID`. Bytes leave only as fast as the body is read.
   *
   * Refusals are answered as problem+json, or so that a plain EventSource comes back; the promise never
   * rejects. The function may be handed over without its node. A caller that gives a second argument of its
   * own (Next.js, Deno, Bun, Workers) needs `(request) => tide.fetch(request)`.
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
    this.#engine.admit()
  }

  /** Milliseconds after which a client comes back, spread so that not all return at once. */
  pickRetryMs(): number {
    return this.#engine.pickRetryMs()
  }

  /**
   * Opens a session on a sink: replays what its start asks for, then lets it follow its audience. The doors
   * (`subscribe` and `fetch`) ask `authorize`; this method does not.
   * @throws ServerError `FULL`, `DRAINING`, `LOG_UNAVAILABLE`, `OPTION_INVALID`; nothing has been written
   * to the sink then
   */
  async open(
    sink: Sink,
    subscription: Subscription,
    owner: SessionOwner = {},
  ): Promise<SessionHandle> {
    requireSink(sink)
    requireSubscription(subscription)
    const asking = askedBy(readOwner(owner), subscription.filter)
    return this.#engine.open(sink, subscription, { owner: asking })
  }

  /**
   * The same for a client whose grant was checked already. For the doors.
   * @throws as `open`
   */
  async openGranted(
    sink: Sink,
    subscription: Subscription,
    granted: Granted,
  ): Promise<SessionHandle> {
    requireSink(sink)
    requireSubscription(subscription)
    const wanted = { code: 'OPTION_INVALID', what: 'A grant of a session' } as const
    const { owner, recheck } = readMembers(granted, ['owner', 'recheck'], wanted)
    requireHolder(owner)
    const asking = askedBy(owner, subscription.filter)
    return this.#engine.open(sink, subscription, { owner: asking, recheck })
  }

  /** The open session of an id; undefined where this node has none of it. Of any node: {@link reach}. */
  session(id: string): SessionHandle | undefined {
    const session = this.#engine.sessions.get(id)
    return session === undefined ? undefined : this.#engine.handle(session)
  }

  /**
   * The open sessions of this node, the longest open first: all, or those of a user, a label, a group.
   * @throws ServerError `OPTION_INVALID`
   *
   * @example
   * ```ts
   * for (const session of tide.sessions({ user: 'ada' })) await session.end('signed-out')
   * ```
   */
  sessions(filter: SessionFilter = {}): readonly SessionHandle[] {
    const wanted = readFilter(filter)
    return this.#engine.sessions.list(wanted).map((session) => this.#engine.handle(session))
  }

  /**
   * Ends sessions of this node whose clients have taken nothing for 10 seconds, so that others find a place.
   * All of them, or those of a user, a label, a group. They resume when they come back. Returns how many.
   * @throws ServerError `OPTION_INVALID`
   */
  endStalled(filter: SessionFilter = {}): number {
    return this.#engine.endStalled(readFilter(filter), Infinity)
  }

  /**
   * Calls `listener` with each session of this node that has opened or got another grant, at once. So whoever
   * ends sessions by what they rest on misses none. The function that is returned ends it.
   * @throws ServerError `OPTION_INVALID`
   */
  onGranted(listener: (session: SessionHandle) => void): () => void {
    if (typeof listener !== 'function') {
      throw new ServerError(
        'OPTION_INVALID',
        `The listener of granted sessions is a function; got ${quoteValue(listener)}.`,
      )
    }
    return this.#engine.granted.add(listener)
  }

  /**
   * Reaches a session by its id, on this node or on any other of its log. The session's own node does what
   * is asked. Only the answer to a request says whether the session is open.
   * @throws ServerError `OPTION_INVALID`
   *
   * @example
   * ```ts
   * await tide.reach(id).changeTopics({ add: ['orders/7'] })
   * ```
   */
  reach(id: string, options: ReachOptions = {}): SessionReach {
    return this.#engine.control.reach(id, options)
  }

  /**
   * Resolves if `authorize` gives the sender of a request a permission, or if everybody may everything. It is
   * asked for the action `admin`.
   * @throws ServerError `UNAUTHENTICATED`, `PERMISSION_MISSING`, `AUTHORIZE_MISSING`, `ACCESS_UNAVAILABLE`,
   * `FULL`, `OPTION_INVALID`; and what `authorize` throws
   *
   * @example
   * ```ts
   * await tide.requirePermission(describeRequest(request), 'admin')
   * ```
   */
  async requirePermission(by: RequestFacts, name: string): Promise<void> {
    await requirePermission(this.#settings, by, name)
  }

  /**
   * Publishes one event. Resolves when the log has it, before it is written to sessions.
   * @throws ServerError for an event that breaks the rules, `OPTION_INVALID`, `TOPIC_RATE_LIMITED`, or
   * `LOG_UNAVAILABLE`; with `by` also `UNAUTHENTICATED` and `TOPIC_FORBIDDEN`
   */
  async publish(
    topic: string,
    input: PublishInput,
    options: PublishOptions = {},
  ): Promise<Receipt> {
    let one: TopicInput
    try {
      one = addTopic(topic, input)
    } catch (error) {
      this.#settings.watch.refused('publish', error)
      throw error
    }
    return this.publishAll([one], options)
  }

  /**
   * Publishes events all or nothing, in order. Resolves when the log has them.
   * @throws ServerError for an event that breaks the rules (nothing is published then), `OPTION_INVALID`,
   * `TOPIC_RATE_LIMITED`, or `LOG_UNAVAILABLE`; with `by` also `UNAUTHENTICATED` and `TOPIC_FORBIDDEN`
   */
  async publishAll(inputs: readonly TopicInput[], options: PublishOptions = {}): Promise<Receipt> {
    const { patienceMs, rates } = this.#engine
    const publishing = { publish: options, patienceMs, rates }
    return this.#receipt(await publish(this.#settings, inputs, publishing))
  }

  /**
   * Ends the value of a key. Those who follow the topic get a `tidemark.deleted` event with the key.
   * Newcomers to a topic with `latestBy: 'key'` get neither. Resolves when the log has it. A key without a
   * value may be deleted, too. `authorize` is asked as for a publish. Readers whose grant names tags hear of
   * it if it has the tags of the value.
   * @throws ServerError `TOPIC_INVALID`, `EVENT_KEY_INVALID`, and as `publish`
   *
   * @example
   * ```ts
   * await tide.deleteKey('prices/eu', 'ACME')
   * ```
   */
  async deleteKey(topic: string, key: string, options: DeleteOptions = {}): Promise<Receipt> {
    const { patienceMs, rates } = this.#engine
    const deletion = { topic, key, options }
    const turn = { patienceMs, rates }
    return this.#receipt(await publishDeletion(this.#settings, deletion, turn))
  }

  /**
   * Sends one event to whoever is meant. An event to users or a topic is stored, so a user who is away gets
   * it later. An event to a session, a label, a pattern, everyone or a permission is written to the sessions
   * that are open now. That is done on every node, at most once and within 5 s.
   * The answer says which it was. `authorize` is asked as for a publish where the event is stored, as for
   * {@link reach} for a session, and else for the permission `admin`.
   * @throws ServerError `TARGET_INVALID`, `USER_INVALID`, `PERMISSION_MISSING`, `SESSION_UNREACHABLE`, and as
   * `publish` and {@link reach}
   *
   * @example
   * ```ts
   * await tide.send({ label: 'kitchen' }, { type: 'reload', data: '' })
   * ```
   */
  async send(to: SendTarget, event: SendEvent, options: PublishOptions = {}): Promise<SendReceipt> {
    const settings = this.#settings
    const { control } = this.#engine
    const copy = (copies: Copies): Promise<Receipt> => this.#publishCopies(copies)
    const requirePermission = this.requirePermission.bind(this)
    const host = { settings, control, publishCopies: copy, requirePermission }
    return send(host, { to, event }, options)
  }

  async #publishCopies(copies: Copies): Promise<Receipt> {
    const { patienceMs, rates } = this.#engine
    return this.#receipt(await publishCopies(this.#settings, copies, { patienceMs, rates }))
  }

  #receipt({ cursor, events }: Published): Receipt {
    return { cursor, sessions: this.#engine.audiences.countMembers(events) }
  }

  /** A user to send to, there or not: `await tide.user('ada').send({ data: 'hello' })`. */
  user(id: string): UserReach {
    return { id, send: (event, options) => this.send({ user: id }, event, options) }
  }

  /**
   * Says why a session got an event or did not, on whichever node it is, also when it has closed lately.
   * @throws ServerError `QUERY_INVALID`, `SESSION_NOT_FOUND`, and as {@link reach}
   */
  trace(question: TraceQuestion): Promise<Trace> {
    return this.#engine.control.trace(question)
  }

  /**
   * The consumers of a user: names under which all nodes keep a cursor for streams that are opened with
   * `consumer=`.
   * @throws ServerError `OPTION_INVALID`
   */
  consumers(of: ConsumersOf): UserConsumers {
    return this.#engine.consumers.of(of)
  }

  /**
   * Tells who is in a topic: users and sessions whose streams follow it by its name, on all nodes of the log.
   * Takes a rule of the kind `presence`. Streams that follow the topic by a pattern do not count.
   * @throws ServerError `PRESENCE_OFF`, `TOPIC_INVALID`, `QUERY_INVALID`, `UNAUTHENTICATED`,
   * `TOPIC_FORBIDDEN`, `LOG_UNAVAILABLE`, `OPTION_INVALID`
   *
   * @example
   * ```ts
   * const { users } = await tide.presence('rooms/7')
   * ```
   */
  presence(topic: string, query: PresenceQuery = {}): Promise<TopicPresent> {
    return this.#presence.read(topic, query)
  }

  /** The rules for topics, by kind. All nodes of the log follow the same, and they change at run time. */
  get rules(): TideRules {
    return this.#engine.rules.inForce
  }

  /** Events that are published later: `delay` and `at` over HTTP. */
  get schedule(): TideSchedule {
    return this.#engine.schedule
  }

  /**
   * Publishes a probe to `$hub/probe`. Resolves to whether this node's tail handed the probe over within
   * `timeoutMs`.
   * @param timeoutMs 0 to 86,400,000.
   * @throws ServerError `LOG_UNAVAILABLE`, `OPTION_INVALID`
   */
  async probe(timeoutMs: number): Promise<boolean> {
    readRange({ timeoutMs }, probeRangeMs)
    return probe(this.#settings, await this.#engine.start(), timeoutMs)
  }

  /**
   * Stops taking sessions and sends the open ones away at a steady pace; resolves when the last has left.
   * @param sessionsPerSecond 0.01 to 1,000,000. Default 1,000. Less where several processes drain together.
   * @throws ServerError `OPTION_INVALID`
   */
  async drain(sessionsPerSecond: number = drainSessionsPerSecond): Promise<void> {
    readRange({ sessionsPerSecond }, drainRangePerSecond)
    await this.#engine.drain(sessionsPerSecond)
  }

  /**
   * Ends all sessions at once and stops following the log. A log that was handed in stays open, because its
   * maker closes it.
   */
  async close(): Promise<void> {
    await this.#engine.close()
    await this.#presence.close()
    if (this.#settings.ownsLog) await this.#settings.log.close()
  }
}
