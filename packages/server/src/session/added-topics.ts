// Topics that a session got from an older place than its own: replayed up to where it stands, while the rest
// of it stands still.

import type { Position, Topic, TopicSet } from '@tidemark/log'

/** Topics that were added from an older place, as a cursor says it. */
export interface AddedAt {
  readonly topics: TopicSet
  /** The topics that the stream followed before; not replayed. */
  readonly covered: TopicSet
  /** The key under which `covered` is kept. */
  readonly coveredKey: string
  /** Up to here they have been replayed. */
  readonly at: Position
}

/** One replay of added topics. Its session's own cursor does not move until it is over. */
export class AddedTopics {
  /** Fewer, when the session has dropped some of them. */
  topics: TopicSet
  /** Resolves when it has ended, however it did. */
  readonly over: Promise<void>
  /** Everything of these topics up to here has been written. */
  at: Position
  /** Where it ends: the session's own place, as this history names it. Found out with the first page. */
  end: Position | undefined
  readonly #given: AddedAt
  #finish: (() => void) | undefined

  /** `release` gives back what the topic sets count for. */
  constructor(given: AddedAt, release: () => void) {
    this.topics = given.topics
    this.at = given.at
    this.#given = given
    this.over = new Promise((resolve) => {
      this.#finish = () => {
        release()
        resolve()
      }
    })
  }

  /** The key, for the cursor, of the topics that the session followed before. */
  get coveredKey(): string {
    return this.#given.coveredKey
  }

  /** False for topics that the session followed before: it has got their events already. */
  isWanted(topic: Topic): boolean {
    return !this.#given.covered.matches(topic)
  }

  /** It is over: done, replaced, or its session has closed. */
  finish(): void {
    this.#finish?.()
    this.#finish = undefined
  }
}
