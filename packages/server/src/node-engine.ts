// The engine of one node: the sessions that are open here and what they follow. It knows sinks, not doors.

import type { Position } from '@tidemark/log'
import type { AddedTopics } from './session/added-topics.ts'
import { Audiences } from './fan-out/audiences.ts'
import { Beats } from './session/beats.ts'
import { CatchUps } from './catch-up/catch-ups.ts'
import type { ByeReason } from './framing/bye-reason.ts'
import { Consumers } from './consumers/consumers.ts'
import type { TakenConsumer } from './consumers/consumers.ts'
import { Control } from './control/control.ts'
import { createHost } from './session/create-host.ts'
import { ServerError } from './errors.ts'
import { SubscriberCounts } from './fan-out/subscriber-counts.ts'
import { FanOut } from './fan-out/fan-out.ts'
import { createGrantKeepers } from './session/grant-keepers.ts'
import type { GrantKeepers } from './session/grant-keepers.ts'
import { GrantListeners } from './session/grant-listeners.ts'
import { wrapLogError } from './refusal/log-faults.ts'
import { drainingNode, fullNode } from './refusal/no-room.ts'
import { toOwnEvent } from './publish/new-event.ts'
import type { NodeSettings } from './node-settings.ts'
import { TopicRates } from './publish/topic-rates.ts'
import type { RequestFacts } from './request/authorize.ts'
import { mayGet } from './request/filter.ts'
import type { Grant } from './request/grant.ts'
import type { NodeGauges } from './observer/node-stats.ts'
import { drainSessions } from './session/drain-sessions.ts'
import { readGauges } from './observer/read-gauges.ts'
import { endStalled } from './session/end-stalled.ts'
import { pickRetryMs } from './session/pick-retry.ts'
import { OpenSession } from './session/open-session.ts'
import type { SessionActions } from './session/open-session.ts'
import { createPace } from './catch-up/pace.ts'
import { makeSessionId } from './random.ts'
import type { Recheck } from './session/recheck.ts'
import { NodeRules } from './rules/node-rules.ts'
import { Session } from './session/session.ts'
import type { SessionEvent, SessionHandle, TopicChange } from './session/session-handle.ts'
import { Schedule } from './scheduled/schedule.ts'
import { SessionFollowers } from './session/session-followers.ts'
import { filterOfHolder, readerOf } from './session/session-holder.ts'
import type { SessionHolder } from './session/session-holder.ts'
import type { SessionHost } from './session/session-host.ts'
import { SessionRegistry, matches } from './session/session-registry.ts'
import type { SessionFilter } from './session/session-registry.ts'
import type { Sink } from './session/sink.ts'
import { requireUnexpired } from './request/read-expiry.ts'
import { resolveStart } from './request/start-at.ts'
import type { Beginning } from './request/start-at.ts'
import type { Subscription } from './request/subscription.ts'
import { TopicChanges } from './session/topic-changes.ts'
import type { IsLate } from './session/is-late.ts'

/** Opens, moves and ends sessions, and brings each of them what it follows. */
export class NodeEngine implements SessionActions {
  readonly sessions: SessionRegistry = new SessionRegistry()
  readonly audiences: Audiences
  /** The rules for topics that all nodes of the log follow. */
  readonly rules: NodeRules
  /** How many events topics have got lately, of all nodes. */
  readonly rates: TopicRates
  /** Where consumers stand that are open here. */
  readonly consumers: Consumers
  /** Requests to sessions of other nodes, and of other nodes to sessions of this one. */
  readonly control: Control
  /** Events that are published later. */
  readonly schedule: Schedule
  /** Told of each session that has opened or got another grant. */
  readonly granted: GrantListeners
  /** Told of what happens to sessions. */
  readonly followers: SessionFollowers
  readonly #settings: NodeSettings
  readonly #changes: TopicChanges
  /** Sessions of topics that are bounded, on all nodes. */
  readonly #counts: SubscriberCounts
  readonly #beats: Beats
  readonly #grants: GrantKeepers
  readonly #catchUps: CatchUps
  readonly #host: SessionHost<Session>
  #starting: Promise<FanOut> | undefined
  #fanOut: FanOut | undefined
  /**
   * Sessions that wait for the log to say where they begin. They count like open ones, because a log that
   * hangs would gather them without end.
   */
  #opening = 0
  #isDraining = false

  constructor(settings: NodeSettings) {
    this.#settings = settings
    this.rules = new NodeRules(settings)
    this.followers = new SessionFollowers(settings.onError)
    this.#counts = this.#openCounts()
    this.audiences = new Audiences(settings.topicSetsBytesMax, this.rules.subscribers, this.#counts)
    this.rates = new TopicRates({
      clock: settings.clock,
      rules: this.rules.rate,
      reached: (position) => this.#fanOut?.reached(position, () => false),
    })
    this.control = new Control(settings, {
      find: (id, isLate) => {
        const session = this.sessions.get(id)
        return session && new OpenSession(session, this, isLate)
      },
      sessions: this.sessions,
      lagRules: this.rules.lag,
      follow: () => this.start(),
    })
    this.schedule = new Schedule(settings)
    this.followers.add(settings.watch.traces)
    this.#changes = new TopicChanges({
      ...settings,
      audiences: this.audiences,
      listSessions: () => this.sessions.list(),
      dismiss: (session, reason) => this.#dismiss(session, reason),
      moved: (session, reason) => this.followers.moved(session, reason),
    })
    this.#beats = new Beats(settings.heartbeatMs, settings.clock)
    const dismiss = (session: Session, reason: ByeReason): void => this.#dismiss(session, reason)
    this.#grants = createGrantKeepers(settings, {
      changes: this.#changes,
      dismiss,
      renew: (session, grant, request) => this.renew(session, grant, request),
    })
    this.granted = new GrantListeners((session) => this.handle(session), settings.onError)
    const readPosition = (): Position => this.#requireFanOut().position
    this.consumers = new Consumers({
      ...settings,
      startRules: this.rules.startAt,
      livePosition: readPosition,
      replace: (session) => this.end(session, 'replaced'),
    })
    this.followers.add(this.consumers)
    this.#catchUps = new CatchUps({
      settings,
      lagRules: this.rules.lag,
      planSnapshot: (session) => this.#changes.planSnapshot(session),
      takeHint: (session) => this.#grants.ends.takeHint(session),
      fanOut: () => this.#requireFanOut(),
      dismiss,
    })
    this.#host = createHost(settings, {
      get livePosition() {
        return readPosition()
      },
      catchUp: (session) => this.#catchUps.begin(session),
      tellNews: (session) => this.#changes.tellNews(session),
      dismiss,
      forget: (session, reason) => this.#forget(session, reason),
    })
    // Subscribers, and those that await `ready`, are told of a failure. Here there may be neither yet.
    this.start().catch(() => undefined)
  }

  /** Where sessions that are level stand; undefined before the node follows its log. */
  get position(): Position | undefined {
    return this.#fanOut?.position
  }

  /** Counts of all that is open now. */
  get gauges(): NodeGauges {
    return readGauges({
      ...this.#settings,
      audiences: this.audiences,
      sessions: this.sessions.size,
      opening: this.#opening,
      leaving: this.#host.leaving.size,
      recent: this.#fanOut?.recent,
    })
  }

  /** How long an event that is published now may wait on its way to the log, in milliseconds. */
  get patienceMs(): number {
    return this.#fanOut?.patienceMs ?? 0
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  /** Follows the log, once. A failure is forgotten, so that the next caller tries again. */
  start(): Promise<FanOut> {
    this.#starting ??= this.#follow().catch((error: unknown) => {
      this.#starting = undefined
      return wrapLogError(error)
    })
    return this.#starting
  }

  /**
   * Refuses a new session while the node is full or draining.
   * @throws ServerError `FULL`, `DRAINING`
   */
  admit(): void {
    if (this.#isDraining) throw drainingNode()
    const { sessionsMax } = this.#settings
    if (this.sessions.size + this.#opening < sessionsMax || this.endStalled({}, 1) > 0) return
    throw fullNode(sessionsMax)
  }

  /**
   * Opens a session: replays what its start asks for, then lets it follow its audience. With `recheck` the
   * grant of its owner is asked about again.
   */
  async open(
    sink: Sink,
    subscription: Subscription,
    { owner, recheck }: { readonly owner: SessionHolder; readonly recheck?: Recheck | undefined },
  ): Promise<SessionHandle> {
    this.admit()
    requireUnexpired(owner.expiresAt, this.#settings.clock)
    const place = this.audiences.reserve(subscription.topics)
    let start: Beginning
    let added: AddedTopics | undefined
    let taken: TakenConsumer | undefined
    const id = makeSessionId(this.#settings.nodeName, this.#settings.random)
    try {
      this.#opening += 1
      try {
        const fanOut = await this.start()
        const { consumer } = subscription
        const { user } = owner
        const wanted =
          consumer === undefined ? subscription : await this.consumers.place(subscription, user)
        const found = resolveStart(wanted, this.#settings.log, () => fanOut.position)
        start = found instanceof Promise ? await found : found
        if (!this.rules.subscribers.isEmpty) {
          await this.#counts.ready(subscription.topics.topics)
          // Before a consumer is taken from another stream, which would end for nothing.
          this.audiences.requireRoom(subscription.topics)
        }
        if (consumer !== undefined) {
          const { after } = start
          taken = await this.consumers.take(subscription, { user, session: id, after })
        }
      } finally {
        // In the tick in which it becomes a session, so that no other takes its place in between.
        this.#opening -= 1
      }
      this.admit()
      this.audiences.requireRoom(subscription.topics)
      added = this.#changes.beginReplay(subscription.topics, start)
    } catch (error) {
      this.audiences.giveBack(place)
      throw error
    }
    const audience = this.audiences.open(place, subscription.framing, filterOfHolder(owner))
    const session = new Session(id, audience, {
      sink,
      host: this.#host,
      cursor: start.after,
      pace: createPace(this.#settings, subscription.eventsPerSecondMax),
      owner: subscription.isChosen === true ? { ...owner, hasChosenTopics: true } : owner,
      added,
    })
    this.#begin(session, start)
    if (subscription.changed !== undefined) this.#changes.comeBack(session, subscription.changed)
    if (recheck !== undefined && !session.isClosed) this.#grants.rechecks.set(session, recheck)
    taken?.begin(session, sink)
    this.#catchUps.greet(session, start)
    this.granted.tell(session)
    return this.handle(session)
  }

  /** The part of a session that an application may use. */
  handle(session: Session): SessionHandle {
    return new OpenSession(session, this)
  }

  send(session: Session, event: SessionEvent, isLate?: IsLate): boolean | Promise<boolean> {
    const { clock, eventBytesMax } = this.#settings
    const own = toOwnEvent(event, { eventBytesMax, time: clock.now() })
    if (!mayGet(own, readerOf(session))) return false
    return session.writeOwn(session.audience.framing.encodeOwn(own), isLate)
  }

  changeTopics(session: Session, change: TopicChange, isLate?: IsLate): Promise<boolean> {
    return this.#changes.change(session, change, isLate)
  }

  expiryOf(session: Session): number | undefined {
    return session.isClosed ? undefined : session.owner.expiresAt
  }

  setExpiry(session: Session, expiresAt: number | undefined): boolean {
    if (session.isClosed) return false
    if (expiresAt === undefined || expiresAt > this.#settings.clock.now()) {
      session.owner = { ...session.owner, expiresAt }
      this.#grants.ends.file(session)
    } else this.#dismiss(session, 'expired')
    return !session.isClosed
  }

  async renew(session: Session, grant: Grant, request?: RequestFacts): Promise<boolean> {
    const isOpen = await this.#grants.renewals.renew(session, grant, request)
    this.granted.tell(session)
    this.followers.renewed(session)
    return isOpen
  }

  end(session: Session, reason: string): void {
    session.bye(reason, this.pickRetryMs(reason))
  }

  /** Ends sessions whose clients take nothing, so that others find a place. Returns how many. */
  endStalled(filter: SessionFilter, countMax: number): number {
    return endStalled(this.#host.blocked, countMax, (session) => matches(session, filter))
  }

  /** A time to come back after, in milliseconds, spread so that those sent away do not return at once. */
  pickRetryMs(reason?: string): number {
    return pickRetryMs(this.#settings.random, reason)
  }

  /** Sends all sessions away at a steady pace; resolves when the last has left. */
  async drain(sessionsPerSecond: number): Promise<void> {
    this.#isDraining = true
    await drainSessions(this.sessions, {
      clock: this.#settings.clock,
      sessionsPerSecond,
      leaving: this.#host.leaving,
      dismiss: (session) => this.#dismiss(session, 'draining'),
    })
  }

  /** Ends all sessions at once and stops following the log. */
  async close(): Promise<void> {
    this.#isDraining = true
    for (const session of this.sessions.list()) this.#dismiss(session, 'draining')
    this.#beats.stop()
    this.#grants.ends.stop()
    this.#grants.rechecks.stop()
    await this.#starting?.catch(() => undefined)
    await this.consumers.close()
    this.#fanOut?.close()
    this.#changes.stop()
    this.control.close()
    this.schedule.close()
    await this.#counts.close()
  }

  #openCounts(): SubscriberCounts {
    return new SubscriberCounts(this.#settings, {
      rules: this.rules.subscribers,
      followers: this.followers,
      listSessions: () => this.sessions.list(),
      dismiss: (session) => this.#dismiss(session, 'full'),
    })
  }

  #begin(session: Session, { resumed, gap }: Beginning): void {
    this.sessions.add(session)
    this.followers.opened(session)
    const { topics, patterns } = session.audience.topics
    this.#settings.watch.opened(session, {
      topics: topics.length + patterns.length,
      resumed: resumed === 'exact' || gap !== undefined,
    })
    this.#beats.add(session)
    if (session.owner.expiresAt !== undefined) this.#grants.ends.file(session)
    try {
      session.open()
    } catch (error) {
      session.fail()
      throw error
    }
  }

  async #follow(): Promise<FanOut> {
    const { audiences, control, rates, rules } = this
    const head = await rules.ledger.start()
    const readers = [rules.ledger, control, this.schedule]
    this.#fanOut = new FanOut({ ...this.#settings, audiences, head, rates, rules, readers })
    this.schedule.start()
    return this.#fanOut
  }

  /** Sessions are opened once the node follows its log, so for them it is always there. */
  #requireFanOut(): FanOut {
    if (this.#fanOut !== undefined) return this.#fanOut
    throw new ServerError('LOG_UNAVAILABLE', 'The node does not follow its log yet. Await `ready`.')
  }

  /** A session has closed, and left its audience. */
  #forget(session: Session, reason: string): void {
    this.sessions.delete(session)
    this.#settings.watch.closed(session, reason)
    this.followers.closed(session, reason)
    this.#beats.remove(session)
    this.#changes.forget(session)
    this.#grants.ends.forget(session)
    this.#grants.rechecks.forget(session)
    this.#catchUps.leave(session)
  }

  #dismiss(session: Session, reason: ByeReason): void {
    session.bye(reason, this.pickRetryMs())
  }
}
