// A feed of a client on its way to the shared link: where it stands, what it reads from, and when it is
// level.

import type { Clock, Timer } from './clock.ts'
import type { ClientError } from './errors.ts'
import { costOf } from './event-queue.ts'
import type { FeedItem } from './event-queue.ts'
import type { Bye, FeedState, Ready } from './feed.ts'
import type { Place } from './followed-link.ts'
import { comparedCostMax, comparedEventsMax } from './limits.ts'
import { LiveFeed } from './live-feed.ts'
import type { Member, SharedLink } from './shared-link.ts'

/** The wishes and surroundings of a client's feed. */
export interface ClientFeedPlan {
  readonly topics: readonly string[]
  readonly since: string | undefined
  readonly lastEventId: string
  readonly signal: AbortSignal | undefined
  readonly graceMs: number
  readonly clock: Clock
  /** Finds a link for the feed, by its place. */
  readonly begin: (feed: ClientFeed) => void
  /** The feed needs no link any more: it is closed, or nobody takes from it. */
  readonly rested: (feed: ClientFeed) => void
}

/**
 * A feed that reads from one link at a time. Cursors have no order that a client may know. So a feed
 * with a place of its own reads on a link of its own and compares. At an event (or a cursor) that both
 * links bring, it is level and changes over.
 */
export class ClientFeed implements Member {
  readonly topics: readonly string[]
  readonly live: LiveFeed
  readonly #plan: ClientFeedPlan
  #grace: Timer | undefined
  #hasBegun = false
  #reading: SharedLink | undefined
  #compared: SharedLink | undefined
  /** After the last item that went into the queue. */
  #cursor: string
  /** Id of the newest event read while not on the main link; empty for none. */
  #newest = ''
  /** The newest that the compared link has brought and the feed has not read. */
  #held: FeedItem[] = []
  #heldCost = 0
  #newestCompared = ''
  #isApart = false

  constructor(plan: ClientFeedPlan) {
    this.#plan = plan
    this.topics = plan.topics
    this.#cursor = plan.lastEventId
    this.live = new LiveFeed({
      lastEventId: plan.lastEventId,
      state: { phase: 'idle' },
      signal: plan.signal,
      taken: (isTaken) => this.#taken(isTaken),
      ended: () => {
        this.#grace?.cancel()
        this.#leave()
        plan.rested(this)
      },
    })
  }

  get place(): Place {
    return { cursor: this.#cursor, since: this.#plan.since }
  }

  /** Whether it looks for a main link that it could join; not again once one was refused for its topics. */
  get isComparing(): boolean {
    return this.#compared === undefined && !this.#isApart
  }

  readFrom(link: SharedLink): void {
    this.#reading = link
    link.add(this)
  }

  compareWith(link: SharedLink): void {
    this.#compared = link
    link.add(this)
  }

  readsFrom(link: SharedLink): boolean {
    return this.#reading === link
  }

  covered(link: SharedLink, cursor: string): void {
    if (link === this.#reading && cursor !== '') this.#push({ kind: 'mark', id: cursor })
  }

  take(link: SharedLink, item: FeedItem): void {
    if (link === this.#reading) this.#read(link, item)
    else if (link === this.#compared) this.#compare(item)
  }

  tell(link: SharedLink, state: FeedState): void {
    if (link === this.#reading && !isSame(state, this.live.state)) this.live.setState(state)
  }

  ready(ready: Ready): void {
    this.live.ready(ready)
  }

  bye(bye: Bye): void {
    this.live.bye(bye)
  }

  refused(link: SharedLink, error: ClientError): void {
    if (link === this.#reading) return this.live.end(error)
    this.#compared = undefined
    this.#isApart = true
    this.#forgetHeld()
  }

  waitForRoom(bytesRead: number): Promise<void> | undefined {
    return this.live.waitForRoom(bytesRead)
  }

  fellBehind(): void {
    this.#leave()
    void Promise.resolve(this.live.waitForRoom(0)).then(() => this.#begin())
  }

  #read(link: SharedLink, item: FeedItem): void {
    if (link.isMain) return this.#push(item)
    const isEvent = item.kind === 'event'
    const at = isEvent ? this.#held.findIndex(({ id }) => id === item.id) : -1
    const isMet = isEvent && item.id !== '' && (at >= 0 || item.id === this.#newestCompared)
    const isLevel = isMet || (item.kind === 'mark' && this.#isAt(this.#compared, item.id))
    // Of an event too large to be held only its id is left; then nothing came after it.
    const rest = at >= 0 ? this.#held.slice(at + 1) : []
    this.#push(item)
    // After a gap ids may come again, for good.
    if (isEvent) this.#newest = item.id
    if (item.kind === 'gap') this.#newest = ''
    if (!isLevel || link !== this.#reading) return
    this.#changeOver()
    for (const each of rest) this.#push(each)
  }

  /**
   * A main link that is behind has to come up to the newest event of the feed. One that the feed has
   * read is not enough. Before the newest one it may bring others, which retention or a rule has kept
   * from the feed.
   */
  #compare(item: FeedItem): void {
    if (item.kind === 'event' && item.id !== '' && item.id === this.#newest) {
      this.#changeOver()
    } else if (item.kind === 'event') {
      this.#hold(item)
    } else if (item.kind === 'gap') {
      this.#forgetHeld()
    } else if (this.#isAt(this.#reading, item.id)) {
      this.#changeOver()
    }
  }

  #isAt(link: SharedLink | undefined, cursor: string): boolean {
    return cursor !== '' && link !== undefined && link.cursor === cursor && link.covers(this)
  }

  /** From here on the feed reads what it compared with. */
  #changeOver(): void {
    const left = this.#reading
    const main = this.#compared
    this.#reading = main
    this.#compared = undefined
    this.#newest = ''
    this.#forgetHeld()
    left?.remove(this)
    // The two may differ: one may be cut while the other is open.
    if (main !== undefined) this.tell(main, main.state)
  }

  #push(item: FeedItem): void {
    this.#cursor = item.id
    this.live.item(item)
  }

  /**
   * An event that is pushed out is no loss: the feed reads it on its own link, and is level at a later
   * event.
   */
  #hold(item: FeedItem): void {
    this.#reading?.urge()
    this.#newestCompared = item.id
    this.#held.push(item)
    this.#heldCost += costOf(item)
    while (this.#heldCost > comparedCostMax || this.#held.length > comparedEventsMax) {
      const oldest = this.#held.shift()
      if (oldest === undefined) break
      this.#heldCost -= costOf(oldest)
    }
  }

  #forgetHeld(): void {
    this.#held = []
    this.#heldCost = 0
    this.#newestCompared = ''
  }

  #taken(isTaken: boolean): void {
    this.#grace?.cancel()
    this.#grace = undefined
    if (this.#isClosed) return
    if (isTaken) {
      if (this.#hasBegun) return
      this.#hasBegun = true
      // As soon as the current task is over, so that listeners added in it miss no state.
      queueMicrotask(() => this.#begin())
      return
    }
    this.#grace = this.#plan.clock.after(this.#plan.graceMs, () => {
      this.#hasBegun = false
      this.#leave()
      this.#plan.rested(this)
      this.live.setState({ phase: 'idle' })
    })
  }

  get #isClosed(): boolean {
    return this.live.state.phase === 'closed'
  }

  #begin(): void {
    if (!this.#hasBegun || this.#reading !== undefined || this.#isClosed) return
    this.live.setState({ phase: 'connecting', attempt: 1 })
    // A listener of its state may have closed it.
    if (!this.#isClosed) this.#plan.begin(this)
  }

  #leave(): void {
    const links = [this.#reading, this.#compared]
    this.#reading = undefined
    this.#compared = undefined
    this.#newest = ''
    this.#forgetHeld()
    for (const link of links) link?.remove(this)
  }
}

/** Whether a state says nothing new after another one. */
function isSame(state: FeedState, before: FeedState): boolean {
  if (state.phase === 'connecting' && before.phase === 'connecting')
    return state.attempt === before.attempt
  return state.phase === 'open' && before.phase === 'open'
}
