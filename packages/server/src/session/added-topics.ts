// Topics that a session got from an older place than its own: replayed up to where it stands, while the rest
// of it stands still. A snapshot is such a replay, of each key's newest value.

import type { Position, Topic, TopicSet } from '@tidemark/log'

/** Topics that were added from an older place, as a cursor says it. */
export interface AddedAt {
  readonly topics: TopicSet
  /** The topics that the stream followed before; a snapshot has their values, too. Undefined: none. */
  readonly covered: TopicSet | undefined
  /** The key under which `covered` is kept. */
  readonly coveredKey: string | undefined
  /** Up to here they have been replayed. Undefined: a snapshot that has not begun. */
  readonly at: Position | undefined
}

/** The parts of a snapshot that an ordinary replay has not. */
export interface SnapshotPlan {
  /** The topics to read: what its names and the rules have in common. */
  readonly reads: TopicSet
  isKeyed(topic: Topic): boolean
}

/**
 * `new`: it has not begun. `reading`: the values up to the stream's own place come. `settling`: the stream
 * goes on, and brings the keys that have moved meanwhile.
 */
type Phase = 'new' | 'reading' | 'settling'

/** One replay of added topics. Its session's own cursor does not move until it is over. */
export class AddedTopics {
  /** Fewer, when the session has dropped some of them. */
  topics: TopicSet
  /** Resolves when it has ended, however it did. */
  readonly over: Promise<void>
  /** Everything of these topics up to here has been written. Undefined: a snapshot has not begun. */
  at: Position | undefined
  /** Where it ends: the session's own place, as this history names it. Found out with the first page. */
  end: Position | undefined
  /** Retention has removed some of it. */
  hasLost = false
  /** Undefined: no snapshot. */
  readonly snapshot: SnapshotPlan | undefined
  /** The place of the stream at which every key of a snapshot has been seen. */
  until: Position | undefined
  readonly #given: AddedAt
  #finish: (() => void) | undefined

  /** `release` gives back what the topic sets count for. */
  constructor(given: AddedAt, release: () => void, snapshot?: SnapshotPlan) {
    this.topics = given.topics
    this.at = given.at
    this.snapshot = snapshot
    this.#given = given
    this.over = new Promise((resolve) => {
      this.#finish = () => {
        release()
        resolve()
      }
    })
  }

  /** The key, for the cursor, of the topics that the session followed before. */
  get coveredKey(): string | undefined {
    return this.#given.coveredKey
  }

  get phase(): Phase {
    if (this.until !== undefined) return 'settling'
    return this.at === undefined ? 'new' : 'reading'
  }

  /** Where it stands, while it is this replay that moves, and not the stream itself. */
  get movedTo(): Position | undefined {
    return this.phase === 'reading' ? this.at : undefined
  }

  /**
   * Whether a topic is to be replayed: not one that the session has got already. A snapshot is whole all the
   * same: its client drops each key of its names that did not come.
   */
  isWanted(topic: Topic): boolean {
    if (this.snapshot !== undefined)
      return this.topics.matches(topic) && this.snapshot.isKeyed(topic)
    return this.#given.covered?.matches(topic) !== true
  }

  get isOver(): boolean {
    return this.#finish === undefined
  }

  /** It is over: done, replaced, or its session has closed. */
  finish(): void {
    this.#finish?.()
    this.#finish = undefined
  }
}
