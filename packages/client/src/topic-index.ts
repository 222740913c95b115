// Which takers an event goes to: exact topics by a map, patterns one by one. docs/PROTOCOL.md, "Words".

/** The topic of every event of a set that has no other; empty when several are possible. */
export function findOnlyTopic(topics: readonly string[]): string {
  const [only = '', second] = topics
  return second === undefined && !only.includes('*') ? only : ''
}

interface Entry<Taker> {
  /** Of a pattern; empty for a topic. */
  readonly segments: readonly string[]
  readonly takers: Set<Taker>
}

/** Takers by the topics and patterns they take. */
export class TopicIndex<Taker> {
  readonly #exact = new Map<string, Entry<Taker>>()
  readonly #patterns = new Map<string, Entry<Taker>>()

  /** Every topic and pattern that somebody takes, once. */
  get topics(): string[] {
    return [...this.#exact.keys(), ...this.#patterns.keys()]
  }

  get size(): number {
    return this.#exact.size + this.#patterns.size
  }

  /** Whether somebody takes just this topic or pattern. */
  has(topic: string): boolean {
    return this.#exact.has(topic) || this.#patterns.has(topic)
  }

  add(taker: Taker, topics: readonly string[]): void {
    for (const topic of topics) {
      const isPattern = topic.includes('*')
      const map = isPattern ? this.#patterns : this.#exact
      const segments = isPattern ? topic.split('/') : []
      const entry = map.get(topic) ?? { segments, takers: new Set() }
      entry.takers.add(taker)
      map.set(topic, entry)
    }
  }

  delete(taker: Taker, topics: readonly string[]): void {
    for (const topic of topics) {
      const map = topic.includes('*') ? this.#patterns : this.#exact
      const takers = map.get(topic)?.takers
      takers?.delete(taker)
      if (takers?.size === 0) map.delete(topic)
    }
  }

  /**
   * The takers of this topic, each once. The set is the caller's: it does not change when takers come or
   * leave.
   */
  find(topic: string): Set<Taker> {
    const found = new Set(this.#exact.get(topic)?.takers)
    if (this.#patterns.size === 0) return found
    const given = topic.split('/')
    for (const { segments, takers } of this.#patterns.values()) {
      if (matchesSegments(segments, given)) for (const taker of takers) found.add(taker)
    }
    return found
  }
}

/** As the server matches: `matchesPattern` of `@tidemark/log`, against which a test holds this. */
function matchesSegments(wanted: readonly string[], given: readonly string[]): boolean {
  const [first = ''] = given
  // No wildcard in the first segment reaches the hub's own topics.
  if (first.startsWith('$') && wanted[0]?.startsWith('*')) return false
  const isOpen = wanted.at(-1) === '**'
  const count = isOpen ? wanted.length - 1 : wanted.length
  if (isOpen ? given.length <= count : given.length !== count) return false
  for (let i = 0; i < count; i++) if (wanted[i] !== '*' && wanted[i] !== given[i]) return false
  return true
}
