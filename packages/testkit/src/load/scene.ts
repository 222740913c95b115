// The things that the actors of a load test share.

import { AckCounter } from '../traffic/ack-counter.ts'
import type { Draft } from '../traffic/publisher.ts'
import type { PublishTarget, PublishTargets } from '../traffic/publish-targets.ts'
import type { Door } from '../traffic/door.ts'
import type { Doors } from './doors.ts'
import { EventBook } from './event-book.ts'
import type { BookedEvent } from './event-book.ts'
import { bulkPrefix } from './plan.ts'
import type { DoorName } from './plan.ts'
import type { LoadHost } from './load-host.ts'

/** The things that subscribers share. */
export interface SubscribeScene {
  /** Without a slash at its end. */
  readonly url: string
  readonly acks: AckCounter
  readonly book: EventBook
  /** Characters of padding attempted so far. */
  readonly padding: number
  door(name: DoorName): Door
  /** An event has been seen for the first time, by anybody. */
  noteFirstSight(event: BookedEvent): void
}

/** One run's place, time and memory. */
export class LoadScene implements SubscribeScene {
  readonly url: string
  readonly acks: AckCounter = new AckCounter()
  readonly book: EventBook = new EventBook()
  readonly hubs: PublishTargets
  /** Characters of padding attempted so far. */
  padding = 0
  readonly #host: LoadHost
  readonly #doors: Doors
  #sightWaiters: (() => void)[] = []

  constructor(host: LoadHost, doors: Doors) {
    const target: PublishTarget = { url: host.url, noteSend: () => undefined }
    this.hubs = { pick: () => target }
    this.url = host.url
    this.#host = host
    this.#doors = doors
  }

  /** For a reader of the whole log. */
  get archive(): SubscribeScene {
    const { url, logUrl = url } = this.#host
    const { acks, book } = this
    return {
      url: logUrl,
      acks,
      book,
      padding: 0,
      door: (name) => this.door(name),
      noteFirstSight: () => undefined,
    }
  }

  door(name: DoorName): Door {
    return this.#doors[name]
  }

  /** Counts the padding of what is about to be published. */
  notePadding(drafts: readonly Draft[]): readonly Draft[] {
    for (const { fillLength = 0 } of drafts) this.padding += fillLength
    return drafts
  }

  noteFirstSight({ topic }: BookedEvent): void {
    if (topic.startsWith(bulkPrefix)) this.endSights()
  }

  /** Resolves in the turn in which a padded event is seen for the first time: its flush takes a while. */
  firstSight(): Promise<void> {
    return new Promise((resolve) => this.#sightWaiters.push(resolve))
  }

  /** Nobody waits for a sight any longer. */
  endSights(): void {
    for (const resolve of this.#sightWaiters.splice(0)) resolve()
  }

  close(): void {
    for (const door of Object.values(this.#doors)) door.close()
    this.endSights()
  }
}
