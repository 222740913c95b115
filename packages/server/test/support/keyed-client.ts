// A client that keeps a table of keys, as PROTOCOL.md, "Snapshots", tells one to. Events set a key, and
// deletions take it out. The end of a snapshot takes out each key that did not come within it.

import { parseTopicSet } from '@tidemark/log'
import type { DecodedEvent } from '@tidemark/wire'
import { demand } from './stream-oracle.ts'
import { TestClient } from './test-client.ts'
import type { TestSink } from './test-client.ts'

interface Snapshot {
  readonly matches: (topic: string) => boolean
  readonly seen: Set<string>
}

export interface KeyedClientOptions {
  /** The names of its URL. */
  readonly asked: readonly string[]
  /** The place of a value in the log, by its data. */
  readonly numberOf: (data: string) => number
  /** Called at the end of each snapshot with its id, and which topics it was of. */
  readonly onEnd?: (id: string, matches: (topic: string) => boolean) => void
}

export class KeyedClient extends TestClient {
  /** Topic and key, between them a line break. */
  readonly table = new Map<string, string>()
  readonly faults: unknown[] = []
  /** Counts, to see that the model tries what it is for. */
  readonly counts = { values: 0, snapshots: 0, dropped: 0, deleted: 0, resumed: 0, gaps: 0 }
  names: Set<string>
  /** Takes so many events, and is cut behind the last, wherever in a block that is. */
  left = Infinity
  /** It has no connection, or left it. */
  isAway = true
  readonly #options: KeyedClientOptions
  readonly #open = new Map<string, Snapshot>()
  /** The names whose snapshot has ended, until another begins. */
  readonly #ended = new Set<string>()
  /** The number of the newest that came of each key, and of each topic without keys, by its cursor. */
  readonly #numbers = new Map<string, number>()

  constructor(options: KeyedClientOptions) {
    super()
    this.#options = options
    this.names = new Set(options.asked)
  }

  /** Whether a snapshot has begun and not ended. */
  get isInSnapshot(): boolean {
    return this.#open.size > 0
  }

  /** It comes back without its cursor, or with one that nobody can read; its table is as old as it is. */
  forget(lastEventId: string): void {
    this.leave()
    this.lastEventId = lastEventId
    this.#open.clear()
    this.#ended.clear()
    this.#numbers.clear()
    this.names = new Set(this.#options.asked)
    this.#dropForeign()
  }

  override connect(): TestSink {
    const sink = super.connect()
    this.isAway = false
    if (this.left <= 0) this.left = Infinity
    return sink
  }

  leave(): void {
    this.isAway = true
    this.connection?.cut()
  }

  override take(event: DecodedEvent): void {
    if (this.left <= 0) return
    this.left -= 1
    super.take(event)
    try {
      this.#fold(event)
    } catch (error) {
      this.faults.push(error)
    }
    if (this.left === 0) this.leave()
  }

  #fold({ id, type, data, fields }: DecodedEvent): void {
    const [topic, key] = [fields?.get('topic'), fields?.get('key')]
    switch (type) {
      case 'tidemark.snapshot':
        return this.#bracket(id, JSON.parse(data) as { phase: string; topic: string })
      case 'tidemark.topics':
        return this.#follow(JSON.parse(data) as { added: string[]; removed: string[] })
      case 'tidemark.gap':
        this.counts.gaps += 1
        return
      case 'tidemark.ready':
        if (data.includes('"exact"')) this.counts.resumed += 1
        return
      case 'tidemark.bye':
        this.isAway = true
        return
      case 'tidemark.deleted':
        return this.#delete(`${topic}\n${key}`)
      case 'message':
        if (topic === undefined) throw new Error('an event without its topic')
        return key === undefined ? this.#takeNews(topic, data) : this.#set(topic, key, data)
      default:
    }
  }

  #set(topic: string, key: string, data: string): void {
    const place = `${topic}\n${key}`
    const number = this.#options.numberOf(data)
    const before = this.#numbers.get(place) ?? 0
    const around = [...this.#open.values()].filter(({ matches }) => matches(topic))
    const isNewer = around.length === 0 ? number > before : number >= before
    demand(isNewer, `${place} has no way back from ${before} to ${number}`)
    for (const { seen } of around) seen.add(place)
    this.#numbers.set(place, number)
    this.table.set(place, data)
    this.counts.values += 1
  }

  #delete(place: string): void {
    this.table.delete(place)
    this.counts.deleted += 1
  }

  #takeNews(topic: string, data: string): void {
    const number = this.#options.numberOf(data)
    demand(number > (this.#numbers.get(topic) ?? 0), `${data} of ${topic} comes once`)
    this.#numbers.set(topic, number)
  }

  #bracket(
    id: string,
    { phase, topic: name }: { readonly phase: string; readonly topic: string },
  ): void {
    demand(this.names.has(name), `${name} of a snapshot is followed`)
    if (phase === 'begin') {
      this.#ended.delete(name)
      this.#open.set(name, { matches: matcherOf([name]), seen: new Set() })
      return
    }
    const snapshot = this.#open.get(name)
    // One that was cut between the ends of several names gets those before again.
    demand(snapshot !== undefined || this.#ended.has(name), `the snapshot of ${name} had begun`)
    if (snapshot === undefined) return
    this.#open.delete(name)
    this.#ended.add(name)
    this.counts.snapshots += 1
    for (const place of this.table.keys()) {
      const [topic = ''] = place.split('\n')
      if (!snapshot.matches(topic) || snapshot.seen.has(place)) continue
      this.table.delete(place)
      this.counts.dropped += 1
    }
    this.#options.onEnd?.(id, snapshot.matches)
  }

  #follow({ added, removed }: { readonly added: string[]; readonly removed: string[] }): void {
    for (const name of removed) {
      this.names.delete(name)
      this.#open.delete(name)
    }
    for (const name of added) this.names.add(name)
    this.#dropForeign()
  }

  /** It knows nothing of topics that it no longer follows. */
  #dropForeign(): void {
    const matches = matcherOf([...this.names])
    for (const place of this.table.keys())
      if (!matches(place.split('\n')[0] ?? '')) this.table.delete(place)
  }
}

export function matcherOf(names: readonly string[]): (topic: string) => boolean {
  const set = parseTopicSet([...names])
  return (topic) => set.matches(topic as never)
}
