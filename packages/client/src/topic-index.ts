// Which takers an event goes to: exact topics by a map, patterns one by one. docs/PROTOCOL.md, "Words".

/** The topic of every event of a set that has no other; empty when several are possible. */
export function findOnlyTopic(topics: readonly string[]): string {
  const [only = '', second] = topics
  return second === undefined && !only.includes('*') ? only : ''
}

/** Takers by the topics and patterns they take. */
export class TopicIndex<Taker> {
  readonly #exact = new Map<string, Set<Taker>>()
  readonly #patterns = new Map<string, Set<Taker>>()

  /** Every topic and pattern that somebody takes, once. */
  get topics(): string[] {
    return [...this.#exact.keys(), ...this.#patterns.keys()]
  }

  add(taker: Taker, topics: readonly string[]): void {
    for (const topic of topics) {
      const map = this.#mapFor(topic)
      map.set(topic, (map.get(topic) ?? new Set()).add(taker))
    }
  }

  delete(taker: Taker, topics: readonly string[]): void {
    for (const topic of topics) {
      const map = this.#mapFor(topic)
      const takers = map.get(topic)
      takers?.delete(taker)
      if (takers?.size === 0) map.delete(topic)
    }
  }

  /** Who takes this topic, each once. The set is the caller's: it does not change when takers come or leave. */
  find(topic: string): Set<Taker> {
    const found = new Set(this.#exact.get(topic))
    for (const [pattern, takers] of this.#patterns) {
      if (matches(pattern, topic)) for (const taker of takers) found.add(taker)
    }
    return found
  }

  #mapFor(topic: string): Map<string, Set<Taker>> {
    return topic.includes('*') ? this.#patterns : this.#exact
  }
}

/** As the server matches: `matchesPattern` of `@tidemark/log`, against which a test holds this. */
export function matches(pattern: string, topic: string): boolean {
  // No wildcard in the first segment reaches the hub's own topics.
  if (topic.startsWith('$') && pattern.startsWith('*')) return false
  const given = topic.split('/')
  const wanted = pattern.split('/')
  const isOpen = wanted.at(-1) === '**'
  if (isOpen) wanted.pop()
  if (isOpen ? given.length <= wanted.length : given.length !== wanted.length) return false
  return wanted.every((segment, i) => segment === '*' || segment === given[i])
}
