// All feeds of a node, found by what they subscribe to.

import type { Topic, TopicSet } from '@tidemark/log'
import { Feed } from './feed.ts'
import type { FeedMember } from './feed.ts'
import type { Framing } from './framing.ts'
import { PatternTrie } from './pattern-trie.ts'

/** The registry of feeds: exact topics in a map, patterns in a trie. */
export class Feeds {
  readonly #byKey = new Map<string, Feed>()
  readonly #byTopic = new Map<Topic, Set<Feed>>()
  readonly #byPattern = new PatternTrie<Feed>()

  /** The feed of a topic set and framing, made when it is the first to ask. */
  open(topics: TopicSet, framing: Framing): Feed {
    const key = keyOf(topics, framing)
    const existing = this.#byKey.get(key)
    if (existing !== undefined) return existing
    const feed = new Feed(topics, framing)
    this.#byKey.set(key, feed)
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
    if (feed.members.size > 0) return
    this.#byKey.delete(keyOf(feed.topics, feed.framing))
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

  /** Every live session of every feed. */
  listLive(): FeedMember[] {
    return [...this.#byKey.values()].flatMap((feed) => [...feed.live])
  }

  get size(): number {
    return this.#byKey.size
  }
}

// A topic set's key holds no line of its own that is empty, so the blank line keeps the two apart.
function keyOf(topics: TopicSet, framing: Framing): string {
  return `${framing.key}\n\n${topics.key}`
}
