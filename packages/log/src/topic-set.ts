// The names of a subscription: exact topics and patterns, checked, without doubles, in one
// canonical order.

import { LogError } from './errors.ts'
import { patternSegmentsMax, topicSetSizeMax } from './limits.ts'
import { matchesTree, patternTreeOf } from './pattern-tree.ts'
import { isFixedList, readList } from './read-members.ts'
import { hasWildcard, parsePattern, parseTopic } from './topic.ts'
import type { Pattern, Topic } from './topic.ts'

/** A checked set of topics and patterns. Two sets with the same members have the same `key`. */
export interface TopicSet {
  readonly topics: readonly Topic[]
  readonly patterns: readonly Pattern[]
  /** Members in canonical order, one per line. */
  readonly key: string
  matches(topic: Topic): boolean
}

/**
 * Checks the names of a subscription.
 * @throws LogError `TOPIC_INVALID` for a malformed name. `TOPIC_SET_INVALID` for no array, for
 *   none, for more than 1,000 names, or for patterns of more than 8,000 segments together
 */
export function parseTopicSet(given: readonly string[]): TopicSet {
  const known = parsed.get(given)
  if (known !== undefined) return known
  const set = parseNames(given)
  // Nobody can change it any more. Grants that serve many requests are parsed once.
  if (isFixedList(given)) parsed.set(given, set)
  return set
}

const parsed = new WeakMap<readonly string[], TopicSet>()

function parseNames(given: readonly string[]): TopicSet {
  const names = readList(given, {
    code: 'TOPIC_SET_INVALID',
    what: 'The topics of a subscription',
  })
  if (names.length === 0) {
    throw new LogError(
      'TOPIC_SET_INVALID',
      'A subscription needs at least one topic; got none. Name one, for example `topic=orders/42`.',
    )
  }
  if (names.length > topicSetSizeMax) {
    throw new LogError(
      'TOPIC_SET_INVALID',
      `A subscription may name ${topicSetSizeMax} topics at most; got ${names.length}. Use a pattern such as \`orders/*\`, or two subscriptions.`,
    )
  }
  // Before anything uses them as texts: sorting would try to make a text of an object.
  for (const name of names) if (typeof name !== 'string') parseTopic(name)
  const unique = [...new Set(names)].sort()
  for (const name of unique) {
    if (hasWildcard(name)) parsePattern(name)
    else parseTopic(name)
  }
  const key = copyText(unique.join('\n'))
  const topics: Topic[] = []
  const patterns: Pattern[] = []
  // Parts of the key, which share its text. So a set holds each name once, and nothing of its URL
  // or body.
  for (const name of key.split('\n')) {
    if (hasWildcard(name)) patterns.push(name as Pattern)
    else topics.push(name as Topic)
  }
  checkSegments(patterns)
  const exact = new Set(topics)
  return {
    topics,
    patterns,
    key,
    matches: (topic) => exact.has(topic) || matchesTree(patternTreeOf(patterns), topic),
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Copies a text. V8 makes a part of a text a view of it, which keeps the whole text in memory. */
function copyText(text: string): string {
  return decoder.decode(encoder.encode(text))
}

function checkSegments(patterns: readonly Pattern[]): void {
  let segments = 0
  for (const pattern of patterns) segments += pattern.split('/').length
  if (segments <= patternSegmentsMax) return
  throw new LogError(
    'TOPIC_SET_INVALID',
    `The patterns of a subscription may have ${patternSegmentsMax} segments together; got ${segments}. Use fewer or shorter ones.`,
  )
}
