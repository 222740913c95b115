// All audiences of a node, found by what they subscribe to.

import type { Topic, TopicSet } from '@tidemark/log'
import { ServerError } from './errors.ts'
import { Audience } from './audience.ts'
import type { AudienceMember } from './audience.ts'
import type { Framing } from './framing.ts'
import { topicSetFreeBytes } from './limits.ts'
import { measureTopicSet } from './measure-topic-set.ts'
import { PatternTrie } from './pattern-trie.ts'

/** What a topic set counts for while its session is being opened. */
export interface AudiencePlace {
  readonly topics: TopicSet
  /** What of it counts against all audiences together. */
  readonly bytes: number
}

/** The registry of audiences: exact topics in a map, patterns in a trie; bounded by the memory their topic sets take. */
export class Audiences {
  readonly #bytesMax: number
  /** By framing, then by topic set: one key of both would be the long text of the set once more. */
  readonly #byFraming = new Map<string, Map<string, Audience>>()
  readonly #byTopic = new Map<Topic, Set<Audience>>()
  readonly #byPattern = new PatternTrie<Audience>()
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
  reserve(topics: TopicSet): AudiencePlace {
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
  giveBack(place: AudiencePlace): void {
    this.#heldBytes -= place.bytes
  }

  /** The audience of a topic set and framing, made when it is the first to ask. Sessions that share one count once. */
  open(place: AudiencePlace, framing: Framing): Audience {
    const { topics } = place
    const existing = this.#byFraming.get(framing.key)?.get(topics.key)
    if (existing !== undefined) {
      this.giveBack(place)
      return existing
    }
    const audience = new Audience(topics, framing, place.bytes)
    this.#file(audience)
    for (const topic of topics.topics) {
      const audiences = this.#byTopic.get(topic)
      if (audiences === undefined) this.#byTopic.set(topic, new Set([audience]))
      else audiences.add(audience)
    }
    for (const pattern of topics.patterns) this.#byPattern.add(pattern, audience)
    return audience
  }

  /** Lets a session go; an audience that nobody is left in goes with it. */
  leave(audience: Audience, session: AudienceMember): void {
    audience.live.delete(session)
    audience.members.delete(session)
    if (audience.members.size > 0 || !this.#unfile(audience)) return
    this.#heldBytes -= audience.bytes
    for (const topic of audience.topics.topics) {
      const audiences = this.#byTopic.get(topic)
      audiences?.delete(audience)
      if (audiences?.size === 0) this.#byTopic.delete(topic)
    }
    for (const pattern of audience.topics.patterns) this.#byPattern.remove(pattern, audience)
  }

  /** Calls `visit` with every audience a topic goes to; more than once where several names of an audience match. */
  match(topic: Topic, visit: (audience: Audience) => void): void {
    this.#byTopic.get(topic)?.forEach(visit)
    this.#byPattern.match(topic, visit)
  }

  /** How many sessions follow one of the topics at least. */
  countMembers(topics: ReadonlySet<Topic>): number {
    const audiences = new Set<Audience>()
    for (const topic of topics) this.match(topic, (audience) => audiences.add(audience))
    let count = 0
    for (const audience of audiences) count += audience.members.size
    return count
  }

  /** Every live session of every audience. */
  listLive(): AudienceMember[] {
    return [...this.#byFraming.values()].flatMap((audiences) =>
      [...audiences.values()].flatMap((audience) => [...audience.live]),
    )
  }

  get size(): number {
    let size = 0
    for (const audiences of this.#byFraming.values()) size += audiences.size
    return size
  }

  #file(audience: Audience): void {
    const { framing, topics } = audience
    const audiences = this.#byFraming.get(framing.key)
    if (audiences === undefined) this.#byFraming.set(framing.key, new Map([[topics.key, audience]]))
    else audiences.set(topics.key, audience)
  }

  /** Whether the audience was there to be taken out. */
  #unfile({ framing, topics }: Audience): boolean {
    const audiences = this.#byFraming.get(framing.key)
    const isTaken = audiences?.delete(topics.key) ?? false
    if (audiences?.size === 0) this.#byFraming.delete(framing.key)
    return isTaken
  }
}
