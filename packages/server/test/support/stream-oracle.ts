// Judges a stream by its ids alone. From one place to the next nothing may be left out and nothing may come
// twice, whichever topics the place names. Knows nothing of how the engine gets there.

import { parseCursor, parseTopic } from '@tidemark/log'
import type { TopicSet } from '@tidemark/log'
import { sequenceOf } from '@tidemark/log/driver'
import type { DecodedEvent } from '@tidemark/wire'
import { namesBeyond } from '../../src/session/changed-topics.ts'
import { readParts } from '../../src/framing/place.ts'
import type { WatchedSets } from './watched-sets.ts'

/** A record of the history: its sequence is its index plus one. */
export interface KnownRecord {
  readonly topic: string
}

/** Fails a test in which `what` does not hold. */
export function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(`It does not hold that ${what}`)
}

/** Where a stream stands, as an id says it. */
export interface StreamPlace {
  readonly sequence: number
  readonly topics: TopicSet
  readonly catchUp?: { readonly sequence: number; readonly covered: TopicSet }
}

/** Topics that a session has come to follow, and where the replay of the new ones was asked to begin. */
interface FollowedSet {
  readonly topics: TopicSet
  from: number | undefined
  /** Whether the change that led to it is known. */
  isExplained: boolean
}

interface OracleOptions {
  readonly history: readonly KnownRecord[]
  readonly sets: WatchedSets
  /** Where replays of added topics were asked to begin. */
  readonly froms: ReadonlySet<number>
  /** The topics of the client's URL. */
  readonly asked: TopicSet
}

export class StreamOracle {
  readonly #options: OracleOptions
  #place: StreamPlace | undefined
  #lastId = ''
  /** The topics that the session has followed since the last id. */
  #unseen: FollowedSet[] = []

  constructor(options: OracleOptions) {
    this.#options = options
  }

  get place(): StreamPlace | undefined {
    return this.#place
  }

  /** The session comes to follow other topics this moment; what the client hears of it may come later. */
  follow(topics: TopicSet): void {
    this.#unseen.push({ topics, from: undefined, isExplained: false })
  }

  /** A change was made. Changes are told of in their order, and this one may have been heard of already. */
  explain(add: readonly string[], from: number | undefined): void {
    let before = this.#place?.topics
    for (const followed of this.#unseen) {
      const news = before === undefined ? [] : namesBeyond(followed.topics, before)
      before = followed.topics
      if (followed.isExplained || news.length === 0) continue
      if (!news.every((name) => add.includes(name))) continue
      followed.from = from
      followed.isExplained = true
      return
    }
  }

  /** The client comes back with its last id, which tells nothing of changes that no id has told of. */
  comeBack(): void {
    this.#unseen = []
  }

  /** Takes an event as the client gets it. `data` of a published one is its sequence. */
  take(event: DecodedEvent): void {
    const next = this.read(event.id)
    const before = this.#place
    this.#place = next
    const sequence = event.type.startsWith('tidemark.') ? undefined : Number(event.data)
    if (sequence !== undefined) {
      const isOfPlace = sequence === (next.catchUp?.sequence ?? next.sequence)
      demand(isOfPlace, `event ${sequence} says where it stands: ${event.id}`)
    }
    if (before === undefined) return
    const step = `${event.type} ${event.data} from ${describe(before)} to ${describe(next)}`
    demand(this.#isComplete(before, next, sequence), `nothing left out, nothing twice: ${step}`)
    if (event.id !== this.#lastId) this.#unseen = []
    this.#lastId = event.id
  }

  read(cursor: string): StreamPlace {
    const { sets, asked } = this.#options
    const parsed = parseCursor(cursor)
    if (parsed === undefined) throw new Error(`no cursor: ${cursor}`)
    const sequence = sequenceOf(parsed.position)
    if (parsed.parts.size === 0) return { sequence, topics: asked }
    const parts = readParts(parsed.parts)
    const topics = parts === undefined ? undefined : sets.get(parts.topicsKey)?.topics
    if (parts === undefined || topics === undefined) throw new Error(`unknown parts: ${cursor}`)
    if (parts.catchUp === undefined) return { sequence, topics }
    const covered = sets.get(parts.catchUp.coveredKey)?.topics
    if (covered === undefined) throw new Error(`unknown part: ${cursor}`)
    return { sequence, topics, catchUp: { sequence: sequenceOf(parts.catchUp.at), covered } }
  }

  /** Whether the way from one place to the next has one event, `got`, or none. */
  #isComplete(a: StreamPlace, b: StreamPlace, got: number | undefined): boolean {
    if (b.catchUp !== undefined) {
      const { sequence } = b.catchUp
      // Topics that were taken out and added again before an id could say so are replayed anew from the same
      // place.
      if (isSameReplay(a, b))
        return this.#hasOnly(this.#addedBetween(a, b, sequence), got) || this.#begins(b, got)
      // A new one begins, where the one before has come to its end and nothing of the stream itself is left
      // out.
      return this.#isReplayOver(a, b) && this.#isQuiet(a, b.sequence) && this.#begins(b, got)
    }
    if (!this.#isAllReplayed(a, b)) return false
    if (b.sequence < a.sequence) return false
    if (got === undefined) return this.#isChangeable(a, b, b.sequence)
    return (
      got > a.sequence &&
      b.topics.matches(topicOf(this.#at(got))) &&
      this.#isChangeable(a, b, got - 1)
    )
  }

  /**
   * A replay owes nothing of a topic that was taken out before the change that `b` tells of. That change
   * itself adds topics, so the engine lets the replay end first, whatever the change takes out.
   */
  #isReplayOver(a: StreamPlace, b: StreamPlace): boolean {
    const before = this.#unseenSets.filter(({ key }) => key !== b.topics.key)
    return this.#addedBetween(a, a, a.sequence).every((at) => this.#isTakenOut(at, before))
  }

  /**
   * Neither the replay at `a` nor one that no id has told of owes anything where no replay goes on. A topic
   * that was taken out is owed nothing of, even if it was added again: without a place it begins anew.
   */
  #isAllReplayed(a: StreamPlace, b: StreamPlace): boolean {
    const sets = [...this.#unseenSets, b.topics]
    const owed = this.#addedBetween(a, b, a.sequence)
    if (!owed.every((at) => this.#isTakenOut(at, sets))) return false
    return this.#unseen.every(({ topics, from }, i) => {
      if (from === undefined) return true
      const before = this.#unseen[i - 1]?.topics ?? a.topics
      const news = namesBeyond(topics, before)
      return this.#between(topics, from, a.sequence)
        .filter((at) => news.some((name) => isOf(this.#at(at), name)))
        .filter((at) => !before.matches(topicOf(this.#at(at))))
        .every((at) => this.#isTakenOut(at, sets.slice(i + 1)))
    })
  }

  #isTakenOut(at: number, sets: readonly TopicSet[]): boolean {
    return sets.some((set) => !set.matches(topicOf(this.#at(at))))
  }

  get #unseenSets(): readonly TopicSet[] {
    return this.#unseen.map(({ topics }) => topics)
  }

  /**
   * The topics may have changed anywhere in between, also more than once while the socket was blocked: each
   * set in turn must be quiet.
   */
  #isChangeable(a: StreamPlace, b: StreamPlace, to: number): boolean {
    return this.#areQuiet([a.topics, ...this.#unseenSets, b.topics], a.sequence, to)
  }

  #isQuiet(a: StreamPlace, to: number): boolean {
    return to >= a.sequence && this.#areQuiet([a.topics, ...this.#unseenSets], a.sequence, to)
  }

  #areQuiet(sets: readonly TopicSet[], from: number, to: number): boolean {
    let reached = from
    for (const set of sets) {
      const [next] = this.#between(set, reached, to)
      reached = next === undefined ? to : next - 1
    }
    return reached === to
  }

  /**
   * A blocked socket hears of a new replay by its first event; that, too, is the first behind one of the
   * places asked for.
   */
  #begins(b: StreamPlace, got: number | undefined): boolean {
    const to = b.catchUp?.sequence ?? 0
    return [...this.#options.froms].some((sequence) => {
      if (sequence > to || b.catchUp === undefined) return false
      const start = { ...b, catchUp: { ...b.catchUp, sequence } }
      return this.#hasOnly(this.#addedBetween(start, b, to), got)
    })
  }

  #hasOnly(found: readonly number[], got: number | undefined): boolean {
    if (got === undefined) return found.length === 0
    return found.length === 1 && found[0] === got
  }

  /**
   * The events that a replay of added topics still has to bring up to `to`, of those that are wanted at `b`.
   */
  #addedBetween(a: StreamPlace, b: StreamPlace, to: number): readonly number[] {
    if (a.catchUp === undefined) return []
    const { covered, sequence } = a.catchUp
    const names = new Set(namesBeyond(b.topics, covered))
    const stillAdded = namesBeyond(a.topics, covered).filter((name) => names.has(name))
    return this.#between(a.topics, sequence, to).filter((at) => {
      const topic = this.#at(at)
      return !covered.matches(topicOf(topic)) && stillAdded.some((name) => isOf(topic, name))
    })
  }

  #between(topics: TopicSet, from: number, to: number): number[] {
    const found: number[] = []
    for (let at = from + 1; at <= to; at++)
      if (topics.matches(topicOf(this.#at(at)))) found.push(at)
    return found
  }

  #at(sequence: number): KnownRecord {
    const record = this.#options.history[sequence - 1]
    if (record === undefined) throw new Error(`nothing was published as ${sequence}`)
    return record
  }
}

/** The rest of the stream stands still while a replay goes on. */
function isSameReplay(a: StreamPlace, b: StreamPlace): boolean {
  if (a.catchUp === undefined || b.catchUp === undefined || a.sequence !== b.sequence) return false
  return a.catchUp.covered.key === b.catchUp.covered.key && a.catchUp.sequence <= b.catchUp.sequence
}

function topicOf({ topic }: KnownRecord): ReturnType<typeof parseTopic> {
  return parseTopic(topic)
}

/** Of the patterns of these tests: an exact name, or one that ends in `*`. */
function isOf({ topic }: KnownRecord, name: string): boolean {
  return name.endsWith('/*') ? topic.startsWith(name.slice(0, -1)) : topic === name
}

function describe({ sequence, topics, catchUp }: StreamPlace): string {
  const replay = catchUp === undefined ? '' : ` replaying from ${catchUp.sequence}`
  return `${sequence} of ${topics.key.replaceAll('\n', ',')}${replay}`
}
