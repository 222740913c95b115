// The feeds on one link: each event goes to those whose topics it is of, and a slow one does not hold
// up the others.

import type { ClientError } from './errors.ts'
import type { FeedItem } from './event-queue.ts'
import type { Bye, FeedState, Ready } from './feed.ts'
import { FollowedLink } from './followed-link.ts'
import type { LinkPlan, LinkSink, Place } from './followed-link.ts'
import { topicsPerLinkMax } from './limits.ts'
import { TopicIndex } from './topic-index.ts'

/** A feed as a link sees it. */
export interface Member {
  readonly topics: readonly string[]
  /** Whether it takes its events from this link, and not only compares. */
  readsFrom(link: SharedLink): boolean
  /**
   * From here on the link brings everything of the member's topics, after `cursor`; empty for the
   * link's first item.
   */
  covered(link: SharedLink, cursor: string): void
  take(link: SharedLink, item: FeedItem): void
  tell(link: SharedLink, state: FeedState): void
  ready(ready: Ready): void
  bye(bye: Bye): void
  /** The link will not serve this member's topics. */
  refused(link: SharedLink, error: ClientError): void
  waitForRoom(bytesRead: number): Promise<void> | undefined
  /** Its queue is full, and others on the link go on. */
  fellBehind(link: SharedLink): void
}

/** The owner decides about a link. */
export interface LinkOwner {
  /** A cursor came without an event, after the first one of a connection: the link has probably caught up. */
  beat(link: SharedLink): void
  /** Its only reader holds it up. */
  paused(link: SharedLink): void
  /** It waits in line, and there is something to read. */
  urged(link: SharedLink): void
  /** The last member has left, and the connection is closed. */
  emptied(link: SharedLink): void
}

/** One link and its members. */
export class SharedLink implements LinkSink {
  readonly #link: FollowedLink
  readonly #owner: LinkOwner
  readonly #index = new TopicIndex<Member>()
  readonly #members = new Set<Member>()
  /** Members of which the link does not bring everything yet: it has to open anew, with their topics. */
  readonly #uncovered = new Set<Member>()
  /** Refused together with others, and asked for again when those others are served, or have gone. */
  readonly #postponed = new Set<Member>()
  /** Members that got something since the link was asked for room. */
  readonly #touched = new Set<Member>()
  /** Topics that the server has served together, and the run in which it did. */
  #served: ReadonlySet<string> = new Set()
  #servedRun = 0
  #state: FeedState = { phase: 'connecting', attempt: 1 }
  #onRoom: (() => void) | undefined
  #isStarted = false
  #isPlanned = false
  #isReady = false
  /**
   * Whether there is something to read: it has never been connected, or the main link has brought what
   * this one has not.
   */
  isUrgent = true
  /**
   * Whether feeds join this link at its place; otherwise its members are on their way to one they can
   * join.
   */
  isMain = false

  constructor(plan: LinkPlan, place: Place, owner: LinkOwner) {
    this.#link = new FollowedLink(plan, place, this)
    this.#owner = owner
  }

  get cursor(): string {
    return this.#link.cursor
  }

  /** Whether its place is now, as near as a stream can tell. */
  get isLevel(): boolean {
    return this.#link.isLevel
  }

  /** Whether its only reader holds it up. */
  get isPaused(): boolean {
    return this.#onRoom !== undefined
  }

  /** Whether the server has begun to serve it. */
  get isReady(): boolean {
    return this.#isReady
  }

  get state(): FeedState {
    return this.#state
  }

  get members(): ReadonlySet<Member> {
    return this.#members
  }

  covers(member: Member): boolean {
    return this.#members.has(member) && !this.#uncovered.has(member)
  }

  /** A set that is too long by itself has a link of its own, and the server's word on it. */
  hasRoomFor(topics: readonly string[]): boolean {
    if (this.#members.size === 0) return true
    const added = topics.filter((topic) => !this.#index.has(topic))
    return this.#index.size + added.length <= topicsPerLinkMax
  }

  start(): void {
    this.#isStarted = true
    this.isUrgent = false
    this.#plan()
  }

  /** Asks for a turn, because there is something to read. */
  urge(): void {
    if (this.#isStarted || this.isUrgent) return
    this.isUrgent = true
    this.#owner.urged(this)
  }

  /** Gives the connection up and keeps place, members and topics. */
  pause(): void {
    this.#isStarted = false
    this.#link.stop()
    this.setState({ phase: 'connecting', attempt: 1 })
    this.#resume()
  }

  /** Its readers go on by themselves, each from its place, as soon as they have room. */
  dismiss(): void {
    for (const member of [...this.#members]) if (this.#isReadBy(member)) member.fellBehind(this)
  }

  add(member: Member): void {
    if (this.#members.has(member)) return
    this.#members.add(member)
    this.#index.add(member, member.topics)
    this.#resume()
    const { isRunning, isChanging, topics, cursor } = this.#link
    // Without a place, what comes after a cut begins anew at now: such a link is not open for anybody yet.
    if (isRunning && cursor !== '' && member.topics.every((topic) => topics.has(topic))) {
      // It may have been about to leave just these topics out.
      if (isChanging) this.#link.want(this.#index.topics)
      member.covered(this, cursor)
      member.tell(this, this.#state)
      return
    }
    this.#uncovered.add(member)
    this.#plan()
  }

  remove(member: Member): void {
    this.#postponed.delete(member)
    if (!this.#members.delete(member)) return
    this.#index.delete(member, member.topics)
    this.#uncovered.delete(member)
    this.#touched.delete(member)
    this.#resume()
    // Members leave a link that is not the main one because they are level: it ends soon, and opens
    // anew for nobody.
    if (this.isMain || this.#members.size === 0) this.#plan()
  }

  setState(state: FeedState): void {
    this.#state = state
    if (state.phase === 'connecting') this.#isReady = false
    for (const member of [...this.#members]) {
      if (state.phase !== 'open' || !this.#uncovered.has(member)) member.tell(this, state)
    }
  }

  ready(ready: Ready): void {
    this.#isReady = true
    for (const member of [...this.#members]) if (this.#isReadBy(member)) member.ready(ready)
  }

  bye(bye: Bye): void {
    for (const member of [...this.#members]) if (this.#isReadBy(member)) member.bye(bye)
  }

  item(item: FeedItem): void {
    if (this.#servedRun !== this.#link.run) this.#cover()
    for (const member of this.#takersOf(item)) {
      if (!this.covers(member)) continue
      this.#touched.add(member)
      member.take(this, item)
    }
    if (item.kind === 'mark' && this.#isReady) this.#owner.beat(this)
  }

  waitForRoom(bytesRead: number): Promise<void> | undefined {
    const touched = [...this.#touched]
    this.#touched.clear()
    let room: Promise<void> | undefined
    for (const member of touched) {
      if (!this.#isReadBy(member)) continue
      const memberRoom = member.waitForRoom(bytesRead)
      if (memberRoom === undefined) continue
      if (this.#hasOtherReader(member)) member.fellBehind(this)
      else room = memberRoom
    }
    if (room === undefined) return undefined
    // The only reader sets the pace, until another one comes.
    void room.then(() => this.#resume())
    const paused = new Promise<void>((resolve) => {
      this.#onRoom = resolve
    })
    this.#owner.paused(this)
    return paused
  }

  ended(error: ClientError): void {
    const isRefusal = error.code === 'REFUSED'
    const all = [...this.#members, ...(isRefusal ? [] : this.#postponed)]
    const isNew = ({ topics }: Member): boolean => !topics.every((topic) => this.#served.has(topic))
    // A refusal of a wider set says nothing about what was served before: that is asked for again, alone.
    const newcomers = isRefusal ? all.filter(isNew) : []
    if (newcomers.length > 1 && isAboutTopics(error)) return this.#postpone(newcomers)
    const refused = newcomers.length > 0 ? newcomers : all
    for (const member of refused) this.remove(member)
    this.#addPostponed()
    for (const member of refused) member.refused(this, error)
  }

  /**
   * One of them is refused and takes the others along: half of them are asked for first, until it is
   * found.
   */
  #postpone(newcomers: readonly Member[]): void {
    for (const member of newcomers.slice(Math.ceil(newcomers.length / 2))) {
      this.remove(member)
      this.#postponed.add(member)
    }
  }

  #addPostponed(): void {
    const postponed = [...this.#postponed]
    this.#postponed.clear()
    for (const member of postponed) this.add(member)
  }

  #isReadBy(member: Member): boolean {
    return this.covers(member) && member.readsFrom(this)
  }

  #hasOtherReader(member: Member): boolean {
    for (const other of this.#members) if (other !== member && this.#isReadBy(other)) return true
    return false
  }

  #takersOf(item: FeedItem): Iterable<Member> {
    if (item.kind === 'snapshot')
      return [...this.#members].filter(({ topics }) => topics.includes(item.snapshot.topic))
    // A server that names no topics leaves no choice either.
    if (item.kind !== 'event' || item.event.topic === '') return [...this.#members]
    return this.#index.find(item.event.topic)
  }

  /**
   * The first item of a run: what is new in its topics is whole from the cursor on with which it was
   * asked for.
   */
  #cover(): void {
    const { run, topics } = this.#link
    this.#servedRun = run
    this.#served = topics
    for (const member of [...this.#uncovered]) {
      if (!member.topics.every((topic) => topics.has(topic))) continue
      this.#uncovered.delete(member)
      member.covered(this, '')
      member.tell(this, this.#state)
    }
    this.#addPostponed()
  }

  /** Once per turn, however many come and leave in it. */
  #plan(): void {
    if (this.#isPlanned) return
    this.#isPlanned = true
    queueMicrotask(() => {
      this.#isPlanned = false
      if (this.#members.size === 0) this.#addPostponed()
      if (this.#members.size > 0) {
        if (this.#isStarted) this.#link.want(this.#index.topics)
        return
      }
      this.pause()
      this.#owner.emptied(this)
    })
  }

  #resume(): void {
    const resolve = this.#onRoom
    this.#onRoom = undefined
    resolve?.()
  }
}

/**
 * Whether some of the topics are refused, and not who asks: `TOPIC_FORBIDDEN`, `TOPIC_INVALID` and
 * their like.
 */
function isAboutTopics({ problem }: ClientError): boolean {
  return problem?.code?.startsWith('TOPIC_') === true
}
