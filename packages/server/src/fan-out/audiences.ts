// All audiences of a node, found by what they subscribe to.

import type { Topic, TopicSet } from '@tidemark/log'
import { Audience } from './audience.ts'
import type { AudienceMember } from './audience.ts'
import { CountedAudiences } from './counted-audiences.ts'
import { ServerError } from '../errors.ts'
import type { Framing } from '../framing/framing.ts'
import type { Filter, FilteredEvent } from '../request/filter.ts'
import { topicSetFreeBytes } from '../limits.ts'
import { measureTopicSet } from './measure-topic-set.ts'
import { PatternTrie } from './pattern-trie.ts'
import type { SubscriberRules } from './subscriber-rules.ts'

/** Sessions of other nodes that follow a topic by its name. */
interface OtherSessions {
  countOthers(topic: Topic): number
}

/** A topic set that is counted and has no audience yet. */
export interface TopicSetPlace {
  readonly topics: TopicSet
  /** Bytes of it that count against the bound for all audiences together. */
  readonly bytes: number
}

/**
 * The registry of audiences: exact topics in a map, patterns in a trie; bounded by the memory their topic
 * sets take.
 */
export class Audiences {
  readonly #bytesMax: number
  readonly #rules: SubscriberRules
  readonly #others: OtherSessions
  /**
   * By framing and filter, then by topic set: one key of all would be the long text of the set once more.
   */
  readonly #byManner = new Map<string, Map<string, Audience>>()
  readonly #byTopic = new Map<Topic, Set<Audience>>()
  readonly #byPattern = new PatternTrie<Audience>()
  #heldBytes = 0

  /** `bytesMax` is for all topic sets together, each beyond its first {@link topicSetFreeBytes}. */
  constructor(
    bytesMax: number,
    rules: SubscriberRules,
    others: OtherSessions = { countOthers: () => 0 },
  ) {
    this.#bytesMax = bytesMax
    this.#rules = rules
    this.#others = others
  }

  /** Bytes that all topic sets count for now, those of sessions that are being opened or moved included. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /**
   * Counts a topic set before anything is awaited with it. `open` or `giveBack` follows, once. A session
   * that is the last of the audience `previous` takes over the bytes of that audience. So taking names out
   * is never refused.
   * @throws ServerError `FULL`, `TOPIC_FULL`
   */
  reserve(topics: TopicSet, previous?: Audience): TopicSetPlace {
    this.requireRoom(topics, previous?.topics)
    const bytes = Math.max(0, measureTopicSet(topics) - topicSetFreeBytes)
    this.hold(bytes, previous?.memberCount === 1 ? previous.bytes : 0)
    return { topics, bytes }
  }

  /**
   * Counts bytes for topic sets that have no audience, until `release`. `freed` will be free soon.
   * @throws ServerError `FULL`
   */
  hold(bytes: number, freed = 0): void {
    if (bytes > 0 && this.#heldBytes - freed + bytes > this.#bytesMax) {
      throw new ServerError(
        'FULL',
        `The topic sets of this node's sessions may take ${this.#bytesMax} bytes, and they are in use. Try again later, follow fewer names or patterns such as orders/*, or raise topicSetsBytesMax.`,
      )
    }
    this.#heldBytes += bytes
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes
  }

  /** Frees the place of a topic set that got no audience. */
  giveBack(place: TopicSetPlace): void {
    this.release(place.bytes)
  }

  /**
   * The audience of a topic set, framing and filter, made when it is the first to ask. Sessions that share
   * one count once. It leaves the registry with its last member, so the asker enters it in the same turn.
   */
  open(place: TopicSetPlace, framing: Framing, filter?: Filter): Audience {
    const { topics } = place
    const existing = this.#byManner.get(keyOf({ framing, filter }))?.get(topics.key)
    if (existing !== undefined) {
      this.giveBack(place)
      return existing
    }
    const audience = new Audience({ topics, framing, filter, bytes: place.bytes }, this.#takeOut)
    this.#file(audience)
    for (const topic of topics.topics) {
      const audiences = this.#byTopic.get(topic)
      if (audiences === undefined) this.#byTopic.set(topic, new Set([audience]))
      else audiences.add(audience)
    }
    for (const pattern of topics.patterns) this.#byPattern.add(pattern, audience)
    return audience
  }

  /**
   * Calls `visit` with every audience a topic goes to; more than once where several names of an audience
   * match.
   */
  match(topic: Topic, visit: (audience: Audience) => void): void {
    this.#byTopic.get(topic)?.forEach(visit)
    this.#byPattern.match(topic, visit)
  }

  /**
   * Refuses topics that have as many sessions as their rules allow. Of a session that follows some of them
   * already, `before` has those.
   * @throws ServerError `TOPIC_FULL`
   */
  requireRoom(wanted: TopicSet, before?: TopicSet): void {
    if (this.#rules.isEmpty) return
    const known = new Set(before?.topics)
    for (const topic of wanted.topics) {
      if (known.has(topic)) continue
      let count = this.#others.countOthers(topic)
      for (const audience of this.#byTopic.get(topic) ?? []) count += audience.memberCount
      this.#rules.requireRoom(topic, count)
    }
  }

  /** How many sessions get one of the events at least. */
  countMembers(events: readonly (FilteredEvent & { readonly topic: Topic })[]): number {
    const counted = new CountedAudiences()
    /** Topics of which every session gets an event: what else is of them changes nothing. */
    const done = new Set<Topic>()
    for (const event of events) {
      const { topic } = event
      if (done.has(topic)) continue
      let isDone = true
      this.match(topic, (audience) => {
        if (!counted.add(audience, event)) isDone = false
      })
      if (isDone) done.add(topic)
    }
    return counted.countSessions()
  }

  /** Every live session of every audience. */
  listLive(): AudienceMember[] {
    return [...this.#byManner.values()].flatMap((audiences) =>
      [...audiences.values()].flatMap((audience) => audience.listLive()),
    )
  }

  /** How many live sessions all audiences have. */
  countLive(): number {
    let count = 0
    for (const audiences of this.#byManner.values())
      for (const audience of audiences.values()) count += audience.liveCount
    return count
  }

  get size(): number {
    let size = 0
    for (const audiences of this.#byManner.values()) size += audiences.size
    return size
  }

  #file(audience: Audience): void {
    const { topics } = audience
    const key = keyOf(audience)
    const audiences = this.#byManner.get(key)
    if (audiences === undefined) this.#byManner.set(key, new Map([[topics.key, audience]]))
    else audiences.set(topics.key, audience)
  }

  /** The last member has left. One function for all audiences: each holds a reference to it. */
  readonly #takeOut = (audience: Audience): void => {
    const { topics, bytes } = audience
    const key = keyOf(audience)
    const audiences = this.#byManner.get(key)
    audiences?.delete(topics.key)
    if (audiences?.size === 0) this.#byManner.delete(key)
    this.#heldBytes -= bytes
    for (const topic of topics.topics) {
      const others = this.#byTopic.get(topic)
      others?.delete(audience)
      if (others?.size === 0) this.#byTopic.delete(topic)
    }
    for (const pattern of topics.patterns) this.#byPattern.remove(pattern, audience)
  }
}

/** Nothing in the key of a framing is a line break. */
function keyOf({ framing, filter }: Pick<Audience, 'filter' | 'framing'>): string {
  return filter === undefined ? framing.key : `${framing.key}\n${filter.key}`
}
