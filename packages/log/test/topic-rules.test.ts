// Rules for topics: the first pattern that matches decides, whatever is remembered. A list is
// replaced as a whole.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { TopicRules } from '../src/topic-rules.ts'
import type { PatternRules } from '../src/topic-rules.ts'
import { parseTopic } from '../src/topic.ts'

const segments = ['a', 'b', '$hub', 'ab']
const someTopic = fc
  .array(fc.constantFrom(...segments), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/'))
const somePattern = fc
  .tuple(
    fc.array(fc.constantFrom(...segments, '*'), { minLength: 1, maxLength: 4 }),
    fc.constantFrom('', '', '/**'),
    fc.nat(9),
  )
  .map(([parts, end, dice]) => (dice === 0 ? '**' : parts.join('/') + end))
const someRules = fc.record({
  rules: fc.array(fc.record({ pattern: somePattern, value: fc.nat(1_000) }), { maxLength: 12 }),
  fallback: fc.constant(-1),
})

/** As anyone would write it who need not be fast: one regular expression per rule. */
function findNaively({ rules, fallback }: PatternRules<number>, topic: string): number {
  const matching = rules.find(({ pattern }) => {
    if (topic.startsWith('$') && pattern.startsWith('*')) return false
    const source = pattern
      .split('/')
      .map((part) => (part === '**' ? '.+' : part === '*' ? '[^/]+' : part.replace('$', '\\$')))
      .join('/')
    return new RegExp(`^${source}$`).test(topic)
  })
  return matching?.value ?? fallback
}

describe('rules for topics', () => {
  test('the first pattern that matches decides, as a naive search has it, before and after a replacement', () => {
    let found = 0
    const property = fc.property(
      fc.tuple(someRules, someRules),
      fc.array(someTopic, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 4 }),
      ([first, second], topics, rememberedMax) => {
        const rules = new TopicRules(first, rememberedMax)
        for (const list of [first, second, first]) {
          rules.replace(list)
          expect(rules.isEmpty).toBe(list.rules.length === 0)
          for (const topic of [...topics, ...topics]) {
            const value = rules.find(parseTopic(topic))
            expect(value).toBe(findNaively(list, topic))
            if (value !== -1) found += 1
          }
        }
      },
    )
    fc.assert(property, { numRuns: 500 })
    expect(found).toBeGreaterThan(1_000)
  })

  test('a list with a malformed pattern is refused, and the one before stays', () => {
    const rules = new TopicRules({ rules: [{ pattern: 'a/*', value: 1 }], fallback: 0 }, 10)
    const broken = { rules: [{ pattern: 'a/**/b', value: 2 }], fallback: 3 }
    expect(() => rules.replace(broken)).toThrow(expect.objectContaining({ code: 'TOPIC_INVALID' }))
    expect(rules.find(parseTopic('a/b'))).toBe(1)
  })

  test('what was remembered of the rules before is forgotten with them', () => {
    const list = (value: number) => ({ rules: [{ pattern: 'a/*', value }], fallback: 0 })
    const rules = new TopicRules(list(1), 10)
    expect(rules.find(parseTopic('a/b'))).toBe(1)
    rules.replace(list(2))
    expect(rules.find(parseTopic('a/b'))).toBe(2)
  })
})
