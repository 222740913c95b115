// The rules for topics and patterns. Both are checked once, at the door. Inside, the type is the
// proof.

import { LogError } from './errors.ts'
import { topicBytesMax, topicSegmentsMax } from './limits.ts'
import { quote, quoteValue } from './quote.ts'

/** A named channel such as `orders/42`, checked by {@link parseTopic}. Compared byte by byte. */
export type Topic = string & { readonly __brand: 'Topic' }

/** A topic with `*` (one segment) or a last `**` (one segment or more), checked by {@link parsePattern}. */
export type Pattern = string & { readonly __brand: 'Pattern' }

/**
 * Checks a topic. Segments are split by `/`; none is empty, `.` or `..`. At most 256 bytes of
 * UTF-8; no control characters, no `*`.
 * @throws LogError `TOPIC_INVALID`
 */
export function parseTopic(text: string): Topic {
  const reason =
    describeFault(text) ??
    (text.includes('*') ? '`*` stands for a pattern; a topic has none' : undefined)
  if (reason !== undefined) throw invalid('topic', text, reason)
  return text as Topic
}

/**
 * Checks a pattern. A text without wildcards is a topic and no pattern; see `parseTopicSet` for
 * both.
 * @throws LogError `TOPIC_INVALID`
 */
export function parsePattern(text: string): Pattern {
  const reason = describeFault(text) ?? describeWildcardFault(text)
  if (reason !== undefined) throw invalid('pattern', text, reason)
  return text as Pattern
}

/** Whether the text is meant as a pattern (it may still be a malformed one). */
export function hasWildcard(text: string): boolean {
  return typeof text === 'string' && text.includes('*')
}

/**
 * Whether a topic matches a pattern.
 *
 * - `orders/*` matches `orders/42`, but neither `orders` nor `orders/42/items`.
 * - `orders/**` matches `orders/42` and `orders/42/items`, not `orders` itself.
 * - `**` matches every topic except the hub's own `$…`, which no wildcard in the first segment reaches.
 *
 * Walks both texts side by side and allocates nothing.
 * @throws LogError `TOPIC_INVALID` for what is no text
 */
export function matchesPattern(pattern: Pattern, topic: Topic): boolean {
  requireText('pattern', pattern)
  requireText('topic', topic)
  if (topic.startsWith('$') && pattern.startsWith('*')) return false
  let wanted = 0
  let given = 0
  for (;;) {
    // A wildcard is a whole segment, so its first character identifies it.
    if (pattern.startsWith('**', wanted)) return true
    const wantedEnd = endOfSegment(pattern, wanted)
    const givenEnd = endOfSegment(topic, given)
    if (!pattern.startsWith('*', wanted)) {
      if (wantedEnd - wanted !== givenEnd - given) return false
      for (let i = 0; wanted + i < wantedEnd; i++) {
        if (pattern.charCodeAt(wanted + i) !== topic.charCodeAt(given + i)) return false
      }
    }
    if (wantedEnd === pattern.length) return givenEnd === topic.length
    if (givenEnd === topic.length) return false
    wanted = wantedEnd + 1
    given = givenEnd + 1
  }
}

function endOfSegment(text: string, start: number): number {
  const end = text.indexOf('/', start)
  return end === -1 ? text.length : end
}

/**
 * The part of a pattern before its first wildcard segment, `orders/` of `orders/*`. Every matching
 * topic starts with it.
 * @throws LogError `TOPIC_INVALID` for what is no text
 */
export function literalPrefix(pattern: Pattern): string {
  requireText('pattern', pattern)
  return pattern.slice(0, pattern.indexOf('*'))
}

const notText = 'it is no text'

function requireText(what: 'topic' | 'pattern', value: string): void {
  if (typeof value !== 'string') throw invalid(what, value, notText)
}

const utf8 = new TextEncoder()

function describeFault(text: string): string | undefined {
  if (typeof text !== 'string') return notText
  if (text === '') return 'it is empty'
  if (!text.isWellFormed()) return 'it holds half of a surrogate pair'
  if (text.length > topicBytesMax || utf8.encode(text).length > topicBytesMax) {
    return `it may be ${topicBytesMax} bytes of UTF-8 at most`
  }
  // oxlint-disable-next-line no-control-regex -- finding control characters is the point
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text)) return 'it holds a control character'
  const segments = text.split('/')
  if (segments.length > topicSegmentsMax) return `it may have ${topicSegmentsMax} segments at most`
  for (const segment of segments) {
    if (segment === '') return 'it has an empty segment'
    if (segment === '.' || segment === '..')
      return `the segment ${quote(segment)} is refused because URLs drop it`
  }
  return undefined
}

function describeWildcardFault(text: string): string | undefined {
  if (!text.includes('*')) return 'it has no wildcard'
  const segments = text.split('/')
  for (const [i, segment] of segments.entries()) {
    if (segment === '*' || !segment.includes('*')) continue
    if (segment !== '**')
      return `a wildcard is a whole segment, \`*\` or \`**\`; got the segment ${quote(segment)}`
    if (i < segments.length - 1) return '`**` is allowed as the last segment only'
  }
  return undefined
}

function invalid(what: 'topic' | 'pattern', value: unknown, reason: string): LogError {
  return new LogError('TOPIC_INVALID', `${quoteValue(value)} is not a valid ${what}: ${reason}.`)
}
