// Values for topics: of a list of patterns the first that matches decides.

import { hasWildcard, literalPrefix, matchesPattern, parsePattern, parseTopic } from './topic.ts'
import type { Pattern, Topic } from './topic.ts'

/** The value for the topics that a pattern matches. */
interface PatternRule<Value> {
  /** A topic, or a pattern such as `prices/**`. */
  readonly pattern: string
  readonly value: Value
}

/** A list of rules, and what holds where none of them matches. */
export interface PatternRules<Value> {
  readonly rules: readonly PatternRule<Value>[]
  readonly fallback: Value
}

interface CompiledPattern<Value> {
  readonly pattern: Pattern
  /** Compared first: most topics differ here already. */
  readonly prefix: string
  /** Of the rule in its list. */
  readonly place: number
  readonly value: Value
}

interface Compiled<Value> {
  /** Rules for one topic each, the first of them that names it. */
  readonly exact: ReadonlyMap<Topic, { readonly place: number; readonly value: Value }>
  readonly patterns: readonly CompiledPattern<Value>[]
  readonly fallback: Value
}

/**
 * Finds the value of a topic, and remembers it. Patterns are taken apart once. A topic's first look
 * tries them one by one, at ~20 ns each. The list is replaced as a whole.
 */
export class TopicRules<Value> {
  readonly #rememberedMax: number
  readonly #known = new Map<Topic, Value>()
  #compiled: Compiled<Value>

  /**
   * @param rememberedMax topics remembered; one more, and all are forgotten and found again
   * @throws LogError `TOPIC_INVALID` for a malformed pattern
   */
  constructor(list: PatternRules<Value>, rememberedMax: number) {
    this.#rememberedMax = rememberedMax
    this.#compiled = compile(list)
  }

  /** Whether there is no rule, so that nothing needs to be looked up. */
  get isEmpty(): boolean {
    const { exact, patterns } = this.#compiled
    return exact.size === 0 && patterns.length === 0
  }

  find(topic: Topic): Value {
    // A map of its own would only double the one of exact topics.
    if (this.#compiled.patterns.length === 0)
      return this.#compiled.exact.get(topic)?.value ?? this.#compiled.fallback
    const known = this.#known.get(topic)
    if (known !== undefined) return known
    const value = this.#search(topic)
    if (this.#known.size >= this.#rememberedMax) this.#known.clear()
    this.#known.set(topic, value)
    return value
  }

  /**
   * From here on another list holds.
   * @throws LogError `TOPIC_INVALID` for a malformed pattern; the list before stays then
   */
  replace(list: PatternRules<Value>): void {
    this.#compiled = compile(list)
    this.#known.clear()
  }

  #search(topic: Topic): Value {
    const { exact, patterns, fallback } = this.#compiled
    const named = exact.get(topic)
    for (const { pattern, prefix, place, value } of patterns) {
      if (named !== undefined && named.place < place) return named.value
      if (topic.startsWith(prefix) && matchesPattern(pattern, topic)) return value
    }
    return named === undefined ? fallback : named.value
  }
}

/**
 * Checks the pattern of a rule: a topic, or a pattern.
 * @throws LogError `TOPIC_INVALID`
 */
export function parseRulePattern(text: string): Topic | Pattern {
  return hasWildcard(text) ? parsePattern(text) : parseTopic(text)
}

function compile<Value>({ rules, fallback }: PatternRules<Value>): Compiled<Value> {
  const exact = new Map<Topic, { readonly place: number; readonly value: Value }>()
  const patterns: CompiledPattern<Value>[] = []
  for (const [place, { pattern: text, value }] of rules.entries()) {
    if (hasWildcard(text)) {
      const pattern = parsePattern(text)
      patterns.push({ pattern, prefix: literalPrefix(pattern), place, value })
      continue
    }
    const topic = parseTopic(text)
    if (!exact.has(topic)) exact.set(topic, { place, value })
  }
  return { exact, patterns, fallback }
}
