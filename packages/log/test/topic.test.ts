// Topics and patterns: what is refused, and what matches.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { literalPrefix, matchesPattern, parsePattern, parseTopic } from '../src/topic.ts'
import { parseTopicSet } from '../src/topic-set.ts'

describe('topics', () => {
  for (const name of [
    'a',
    'orders/42',
    '$hub/nodes',
    'a b',
    'naïve/🌊',
    '...',
    'a/.b',
    'x'.repeat(256),
    'ü'.repeat(128),
  ]) {
    test(`${name.slice(0, 20)} is a topic`, () => {
      expect(parseTopic(name)).toBe(name)
    })
  }

  const refused = {
    'an empty text': ['', 'empty'],
    'a leading slash': ['/a', 'empty segment'],
    'a trailing slash': ['a/', 'empty segment'],
    'a double slash': ['a//b', 'empty segment'],
    'the segment .': ['a/./b', 'URLs drop it'],
    'the segment ..': ['..', 'URLs drop it'],
    'a line feed': ['a\nb', 'control character'],
    'a C1 control character': ['a\u0085', 'control character'],
    'half of a surrogate pair': ['a\ud83c', 'surrogate'],
    'a wildcard': ['orders/*', 'pattern'],
    'a wildcard inside a segment': ['a*b', 'pattern'],
    '257 bytes': ['x'.repeat(257), '256 bytes'],
    '258 bytes in 129 characters': ['ü'.repeat(129), '256 bytes'],
  } as const
  for (const [what, [name, reason]] of Object.entries(refused)) {
    test(`${what} is refused as a topic, and the message says why`, () => {
      expect(() => parseTopic(name)).toThrow(expect.objectContaining({ code: 'TOPIC_INVALID' }))
      expect(() => parseTopic(name)).toThrow(reason)
    })
  }
})

describe('patterns', () => {
  for (const name of ['*', '**', 'a/*', 'a/**', '*/b', 'a/*/c/**', '*/*']) {
    test(`${name} is a pattern`, () => {
      expect(parsePattern(name)).toBe(name)
    })
  }

  for (const name of ['a', '**/a', 'a/**/b', 'a*', '*a', '***', 'a/b*/c', 'a//*', '/**', '']) {
    test(`${name === '' ? 'an empty text' : name} is refused as a pattern`, () => {
      expect(() => parsePattern(name)).toThrow(expect.objectContaining({ code: 'TOPIC_INVALID' }))
    })
  }

  test('every topic a pattern matches starts with its literal prefix', () => {
    expect(literalPrefix(parsePattern('orders/*/items'))).toBe('orders/')
    expect(literalPrefix(parsePattern('**'))).toBe('')
  })
})

const table: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['orders/*', ['orders/42', 'orders/$x'], ['orders', 'orders/42/items', 'ordersX/42', 'order/42']],
  ['orders/**', ['orders/42', 'orders/42/items', 'orders/1/2/3'], ['orders', 'ordersX/1']],
  ['*', ['orders', 'x'], ['orders/42', '$hub']],
  ['**', ['orders', 'orders/42', 'a/b/c'], ['$hub', '$hub/nodes']],
  ['*/42', ['orders/42'], ['42', 'orders/43', 'orders/42/x', '$hub/42', 'orders/421', 'orders/4']],
  ['*/*/c', ['a/b/c'], ['a/b', 'a/b/c/d', 'a/b/d']],
  ['a/*/c/**', ['a/b/c/d', 'a/b/c/d/e'], ['a/b/c', 'a/b/x/d', 'a/c/d']],
  ['$hub/*', ['$hub/nodes'], ['$hub', 'hub/nodes']],
  ['$hub/**', ['$hub/nodes', '$hub/a/b'], ['$hub']],
]

describe('matching', () => {
  for (const [pattern, matching, others] of table) {
    test(`${pattern} matches ${matching.join(' ')}, not ${others.join(' ')}`, () => {
      const isMatch = (name: string) => matchesPattern(parsePattern(pattern), parseTopic(name))
      expect(matching.filter((name) => !isMatch(name))).toEqual([])
      expect(others.filter((name) => isMatch(name))).toEqual([])
    })
  }

  test('matching segment by segment says the same for every topic and pattern', () => {
    const segment = fc.constantFrom('a', 'b', 'ab', '$a')
    const topics = fc.array(segment, { minLength: 1, maxLength: 4 })
    const patterns = fc
      .tuple(fc.array(fc.oneof(segment, fc.constant('*')), { maxLength: 4 }), fc.boolean())
      .map(([segments, isDeep]) => (isDeep ? [...segments, '**'] : segments))
      .filter((segments) => segments.some((one) => one.startsWith('*')))
    fc.assert(
      fc.property(patterns, topics, (wanted, given) => {
        const isMatch = matchesPattern(parsePattern(wanted.join('/')), parseTopic(given.join('/')))
        expect(isMatch).toBe(matchesSegments(wanted, given))
      }),
      { numRuns: 2_000 },
    )
  })
})

function matchesSegments(wanted: readonly string[], given: readonly string[]): boolean {
  if (given[0]?.startsWith('$') && wanted[0]?.startsWith('*')) return false
  const isDeep = wanted.at(-1) === '**'
  const literal = isDeep ? wanted.slice(0, -1) : wanted
  const isLong = isDeep ? given.length > literal.length : given.length === literal.length
  return isLong && literal.every((segment, i) => segment === '*' || segment === given[i])
}

describe('topic sets', () => {
  test('sets with the same members have the same key, whatever their order and doubles', () => {
    const set = parseTopicSet(['b', 'a/*', 'a', 'b'])
    expect(set.key).toBe(parseTopicSet(['a', 'a/*', 'b']).key)
    expect(set.topics).toEqual(['a', 'b'])
    expect(set.patterns).toEqual(['a/*'])
  })

  test('a set matches what any of its members matches', () => {
    const set = parseTopicSet(['b', 'a/*', '$hub/x'])
    const isMatch = (name: string) => set.matches(parseTopic(name))
    expect(['b', 'a/1', '$hub/x'].every(isMatch)).toBe(true)
    expect(['a', 'b/1', '$hub/y'].some(isMatch)).toBe(false)
  })

  test('a set of many patterns matches what one of them matches alone', () => {
    const segment = fc.constantFrom('a', 'b', 'ab', '$a')
    const topics = fc.array(segment, { minLength: 1, maxLength: 4 }).map((all) => all.join('/'))
    const patterns = fc
      .tuple(fc.array(fc.oneof(segment, fc.constant('*')), { maxLength: 4 }), fc.boolean())
      .map(([segments, isDeep]) => (isDeep ? [...segments, '**'] : segments))
      .filter((segments) => segments.some((one) => one.startsWith('*')))
      .map((all) => all.join('/'))
    fc.assert(
      fc.property(fc.array(patterns, { minLength: 1, maxLength: 6 }), topics, (wanted, given) => {
        const topic = parseTopic(given)
        const expected = wanted.some((one) => matchesPattern(parsePattern(one), topic))
        expect(parseTopicSet(wanted).matches(topic)).toBe(expected)
      }),
      { numRuns: 2_000 },
    )
  })

  test('no name and 1,001 names are refused, 1,000 are taken', () => {
    const names = (count: number) => Array.from({ length: count }, (_, i) => `t/${i}`)
    const invalid = expect.objectContaining({ code: 'TOPIC_SET_INVALID' })
    expect(() => parseTopicSet([])).toThrow(invalid)
    expect(() => parseTopicSet(names(1_001))).toThrow(invalid)
    expect(parseTopicSet(names(1_000)).topics).toHaveLength(1_000)
  })

  test('one malformed name refuses the set', () => {
    expect(() => parseTopicSet(['a', 'b//c'])).toThrow(
      expect.objectContaining({ code: 'TOPIC_INVALID' }),
    )
    expect(() => parseTopicSet(['a', '**/c'])).toThrow(
      expect.objectContaining({ code: 'TOPIC_INVALID' }),
    )
  })
})
