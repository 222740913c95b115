// All feeds of a node, found by what they subscribe to.

import type { Topic, TopicSet } from '@tidemark/log'
import { ServerError } from './errors.ts'
import { Feed } from './feed.ts'
import type { FeedMember } from './feed.ts'
import type { Framing } from './framing.ts'
import { topicSetFreeBytes } from './limits.ts'
import { measureTopicSet } from './measure-topic-set.ts'
import { PatternTrie } from './pattern-trie.ts'

/** What a topic set counts for while its session is being opened. */
export interface FeedPlace {
  readonly topics: TopicSet
  /** What of it counts against all feeds together. */
  readonly bytes: number
}

/** The registry of feeds: exact topics in a map, patterns in a trie; bounded by the memory their topic sets take. */
export class Feeds {
  readonly #bytesMax: number
  /** By framing, then by topic set: one key of both would be the long text of the set once more. */
  readonly #byFraming = new Map<string, Map<string, Feed>>()
  readonly #byTopic = new Map<Topic, Set<Feed>>()
  readonly #byPattern = new PatternTrie<Feed>()
  #heldBytes = 0

  /** `bytesMax` is for all topic sets together, each beyond its first {@link topicSetFreeBytes}. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** What all topic sets count for now, those of sessions that are being opened included. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /**
   * Counts a topic set before anything is awaited with it. What comes of it is `open` or `giveBack`, once.
   * @throws ServerError `FULL`
   */
  reserve(topics: TopicSet): FeedPlace {
    const bytes = Math.max(0, measureTopicSet(topics) - topicSetFreeBytes)
    if (bytes > 0 && this.#heldBytes + bytes > this.#bytesMax) {
      throw new ServerError(
        'FULL',
        `The topic sets of this node's sessions may take ${this.#bytesMax} bytes, and they are in use. Try again later, follow fewer names or patterns such as orders/*, or raise topicSetsBytesMax.`,
      )
    }
    this.#heldBytes += bytes
    return { topics, bytes }
  }

  /** Frees the place of a session that did not open. */
  giveBack(place: FeedPlace): void {
    this.#heldBytes -= place.bytes
  }

  /** The feed of a topic set and framing, made when it is the first to ask. Sessions that share one count once. */
  open(place: FeedPlace, framing: Framing): Feed {
    const { topics } = place
    const existing = this.#byFraming.get(framing.key)?.get(topics.key)
    if (existing !== undefined) {
      this.giveBack(place)
      return existing
    }
    const feed = new Feed(topics, framing, place.bytes)
    this.#file(feed)
    for (const topic of topics.topics) {
      const feeds = this.#byTopic.get(topic)
      if (feeds === undefined) this.#byTopic.set(topic, new Set([feed]))
      else feeds.add(feed)
    }
    for (const pattern of topics.patterns) this.#byPattern.add(pattern, feed)
    return feed
  }

  /** Lets a session go; a feed that nobody is left in goes with it. */
  leave(feed: Feed, session: FeedMember): void {
    feed.live.delete(session)
    feed.members.delete(session)
    if (feed.members.size > 0 || !this.#unfile(feed)) return
    this.#heldBytes -= feed.bytes
    for (const topic of feed.topics.topics) {
      const feeds = this.#byTopic.get(topic)
      feeds?.delete(feed)
      if (feeds?.size === 0) this.#byTopic.delete(topic)
    }
    for (const pattern of feed.topics.patterns) this.#byPattern.remove(pattern, feed)
  }

  /** Calls `visit` with every feed a topic goes to; more than once where several names of a feed match. */
  match(topic: Topic, visit: (feed: Feed) => void): void {
    this.#byTopic.get(topic)?.forEach(visit)
    this.#byPattern.match(topic, visit)
  }

  /** How many sessions follow one of the topics at least. */
  countMembers(topics: ReadonlySet<Topic>): number {
    const feeds = new Set<Feed>()
    for (const topic of topics) this.match(topic, (feed) => feeds.add(feed))
    let count = 0
    for (const feed of feeds) count += feed.members.size
    return count
  }

  /** Every live session of every feed. */
  listLive(): FeedMember[] {
    return [...this.#byFraming.values()].flatMap((feeds) =>
      [...feeds.values()].flatMap((feed) => [...feed.live]),
    )
  }

  get size(): number {
    let size = 0
    for (const feeds of this.#byFraming.values()) size += feeds.size
    return size
  }

  #file(feed: Feed): void {
    const { framing, topics } = feed
    const feeds = this.#byFraming.get(framing.key)
    if (feeds === undefined) this.#byFraming.set(framing.key, new Map([[topics.key, feed]]))
    else feeds.set(topics.key, feed)
  }

  /** Whether the feed was there to be taken out. */
  #unfile({ framing, topics }: Feed): boolean {
    const feeds = this.#byFraming.get(framing.key)
    const isTaken = feeds?.delete(topics.key) ?? false
    if (feeds?.size === 0) this.#byFraming.delete(framing.key)
    return isTaken
  }
}
