// Which link a feed reads from: the main one, or one of its own until it is level. ARCHITECTURE.md,
// "One client, one link".

import type { ClientFeed } from './client-feed.ts'
import type { LinkPlan, Place } from './followed-link.ts'
import type { Timer } from './clock.ts'
import { catchUpLinksMax, catchUpTurnMs } from './limits.ts'
import { SharedLink } from './shared-link.ts'
import type { LinkOwner } from './shared-link.ts'

/** All links of one client. */
export class ClientLinks implements LinkOwner {
  readonly #plan: LinkPlan
  /** More than one only where topics are more than a server takes in one subscription. */
  readonly #mains = new Set<SharedLink>()
  /** Of feeds that are not level, open. */
  readonly #catchUps = new Set<SharedLink>()
  /** Of feeds that are not level, waiting for one of those to close. */
  readonly #line = new Set<SharedLink>()
  /** Not begun yet, by their place: feeds that begin at one place share a link. */
  readonly #unbegun = new Map<string, SharedLink>()
  #turn: Timer | undefined

  constructor(plan: LinkPlan) {
    this.#plan = plan
  }

  /** Puts a feed on the link for its place. */
  begin(feed: ClientFeed): void {
    const { place, topics } = feed
    const isNow = place.cursor === '' && place.since === undefined
    if (isNow) {
      const fitting = [...this.#mains].filter((link) => link.hasRoomFor(topics))
      const level = fitting.find((link) => link.isLevel)
      if (level !== undefined) return feed.readFrom(level)
      // A main link that was cut, or paused, goes on where it stood, which may be long before now.
      if (fitting.length === 0) return feed.readFrom(this.#openMain())
    }
    feed.readFrom(this.#findCatchUp(place, topics))
  }

  beat(link: SharedLink): void {
    if (link.isMain) return
    if (this.#mains.size === 0) {
      this.#catchUps.delete(link)
      this.#mains.add(link)
      link.isMain = true
    } else {
      const feeds = [...link.members] as ClientFeed[]
      for (const feed of feeds) if (feed.isComparing) this.#compare(feed)
    }
    this.#yield(link)
    this.#admit()
  }

  /** A link that stands still must not keep one of the few places from a link that could read. */
  paused(link: SharedLink): void {
    if (this.#catchUps.has(link) && this.#line.size > 0) link.dismiss()
  }

  urged(): void {
    this.#admit()
  }

  emptied(link: SharedLink): void {
    for (const set of [this.#mains, this.#catchUps, this.#line]) set.delete(link)
    for (const [key, other] of this.#unbegun) if (other === link) this.#unbegun.delete(key)
    this.#admit()
  }

  #openMain(): SharedLink {
    const link = new SharedLink(this.#plan, { cursor: '', since: undefined }, this)
    link.isMain = true
    this.#mains.add(link)
    link.start()
    return link
  }

  #findCatchUp(place: Place, topics: readonly string[]): SharedLink {
    const key = keyOf(place)
    const present = this.#unbegun.get(key)
    if (present?.hasRoomFor(topics)) return present
    const link = new SharedLink(this.#plan, place, this)
    if (key !== '') this.#unbegun.set(key, link)
    this.#line.add(link)
    // After all feeds that begin in this turn.
    queueMicrotask(() => this.#admit())
    return link
  }

  #compare(feed: ClientFeed): void {
    let main = [...this.#mains].find((link) => link.hasRoomFor(feed.topics))
    main ??= this.#openMain()
    feed.compareWith(main)
  }

  /**
   * It has caught up, as far as can be told, and others wait: it goes on where it stands when its turn
   * comes again.
   */
  #yield(link: SharedLink): void {
    if (this.#line.size === 0 || !this.#catchUps.delete(link)) return
    link.pause()
    this.#line.add(link)
  }

  #admit(): void {
    const rest = [...this.#line].filter(({ isUrgent }) => !isUrgent)
    for (const link of [...this.#urgent, ...rest].slice(0, catchUpLinksMax - this.#catchUps.size)) {
      this.#line.delete(link)
      this.#catchUps.add(link)
      for (const [key, other] of this.#unbegun) if (other === link) this.#unbegun.delete(key)
      link.start()
    }
    if (this.#line.size > 0) for (const link of this.#catchUps) if (link.isPaused) link.dismiss()
    this.#planTurns()
  }

  #planTurns(): void {
    if (this.#urgent.length > 0) {
      this.#turn ??= this.#plan.clock.after(catchUpTurnMs, () => this.#endTurns())
      return
    }
    this.#turn?.cancel()
    this.#turn = undefined
  }

  /**
   * A link that has had its turn goes on in the next one: others must not wait for their past until a
   * beat is due.
   */
  #endTurns(): void {
    this.#turn = undefined
    const ready = [...this.#catchUps].filter(({ isReady }) => isReady)
    for (const link of ready.slice(0, this.#urgent.length)) this.beat(link)
    this.#admit()
  }

  get #urgent(): SharedLink[] {
    return [...this.#line].filter(({ isUrgent }) => isUrgent)
  }
}

/**
 * Empty for a place that is not the same for other topics: the last ten events of some are not those of
 * all.
 */
function keyOf({ cursor, since = 'now' }: Place): string {
  if (cursor !== '') return `cursor ${cursor}`
  return since.startsWith('-') ? '' : `since ${since}`
}
