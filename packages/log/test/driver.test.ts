// The rules drivers share: retention lookup, merging, sizes, fingerprints.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { fingerprintBatch } from '../src/fingerprint.ts'
import { mergeByPosition } from '../src/merge.ts'
import { measureRecord, measureUtf8 } from '../src/record-size.ts'
import { createRuleBook, validateRetention } from '../src/rule-book.ts'
import { parseTopic } from '../src/topic.ts'

describe('retention rules', () => {
  test('the first rule that matches a topic decides, and lends the age of the log', () => {
    const rules = [
      { pattern: 'orders/vip', maxEvents: 9 },
      { pattern: 'orders/*', maxAgeMs: 5, latestBy: 'key' as const },
    ]
    const book = createRuleBook(validateRetention({ maxAgeMs: 100, rules }))
    const ruleOf = (name: string) => book.ruleFor(parseTopic(name))
    expect(ruleOf('orders/vip')).toEqual({
      maxAgeMs: 100,
      maxEvents: 9,
      maxBytes: Infinity,
      latestBy: undefined,
    })
    expect(ruleOf('orders/1')).toEqual({
      maxAgeMs: 5,
      maxEvents: Infinity,
      maxBytes: Infinity,
      latestBy: 'key',
    })
    expect(ruleOf('orders')).toEqual({
      maxAgeMs: 100,
      maxEvents: Infinity,
      maxBytes: Infinity,
      latestBy: undefined,
    })
    expect(ruleOf('orders/1')).toBe(ruleOf('orders/2'))
  })

  test('what is not given has a default', () => {
    expect(validateRetention()).toEqual({
      maxAgeMs: 86_400_000,
      maxBytes: 1_073_741_824,
      rules: [],
    })
  })

  const refused = {
    'no time': { maxAgeMs: 0 },
    'a negative size': { maxBytes: -1 },
    'half a byte': { maxBytes: 0.5 },
    'an age that is no number': { maxAgeMs: Number.NaN },
    'no events': { rules: [{ pattern: 'a', maxEvents: 0 }] },
    'a malformed pattern': { rules: [{ pattern: 'a/**/b', maxEvents: 1 }] },
    'a malformed topic': { rules: [{ pattern: 'a//b', maxEvents: 1 }] },
    'another latestBy': { rules: [{ pattern: 'a', latestBy: 'type' as 'key' }] },
    'too many rules': { rules: Array.from({ length: 1_001 }, () => ({ pattern: '**' })) },
  }
  for (const [what, retention] of Object.entries(refused)) {
    test(`retention with ${what} is refused`, () => {
      expect(() => validateRetention(retention)).toThrow(
        expect.objectContaining({ code: 'RETENTION_INVALID' }),
      )
    })
  }
})

describe('merging', () => {
  test('any number of ordered lists comes out as one', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(50))), (lists) => {
        const sources = lists.map((list) => list.toSorted((a, b) => a - b))
        const merged = [...mergeByPosition(sources, (item) => item)]
        expect(merged).toEqual(lists.flat().toSorted((a, b) => a - b))
      }),
    )
  })

  test('a reader that stops early lets every source go', () => {
    let open = 0
    const source = function* (first: number): Generator<number> {
      open += 1
      try {
        for (let i = first; ; i += 3) yield i
      } finally {
        open -= 1
      }
    }
    const taken: number[] = []
    for (const item of mergeByPosition([source(0), source(1), source(2)], (one: number) => one)) {
      taken.push(item)
      if (taken.length === 5) break
    }
    expect(taken).toEqual([0, 1, 2, 3, 4])
    expect(open).toBe(0)
  })
})

describe('fingerprints', () => {
  const of = (topic: string, data: string, more: { type?: string; key?: string } = {}) => ({
    topic: parseTopic(topic),
    data,
    ...more,
  })

  test('moving characters between fields and events makes another batch', () => {
    const batches = [
      [of('a', 'bc')],
      [of('ab', 'c')],
      [of('a', 'b', { key: 'c' })],
      [of('a', 'bc', { key: '' })],
      [of('a', 'c', { type: 'b' })],
      [of('a', 'b'), of('a', 'c')],
      [of('a', 'c'), of('a', 'b')],
      [of('a', 'bc'), of('a', 'bc')],
    ]
    expect(new Set(batches.map((events) => fingerprintBatch(events))).size).toBe(batches.length)
  })

  test('it is a safe integer, the same for the same events', () => {
    fc.assert(
      fc.property(fc.string(), (data) => {
        const fingerprint = fingerprintBatch([of('a', data)])
        expect(Number.isSafeInteger(fingerprint) && fingerprint >= 0).toBe(true)
        expect(fingerprintBatch([of('a', data, { type: 'message' })])).toBe(fingerprint)
      }),
    )
  })

  test('it is stored, so it never changes', () => {
    expect(fingerprintBatch([of('orders/42', '{"total":12}', { type: 'paid', key: '42' })])).toBe(
      2_750_786_456_080_739,
    )
  })

  test('so it does for events with tags, a permission and an end', () => {
    const event = { ...of('a', 'x'), tags: { b: '2', a: '1' }, permission: 'p', ttlMs: 1_000 }
    expect(fingerprintBatch([event])).toBe(4_250_697_316_285_106)
  })

  test('no tag at all is as no tags', () => {
    expect(fingerprintBatch([{ ...of('a', 'x'), tags: {} }])).toBe(fingerprintBatch([of('a', 'x')]))
  })

  test('200,000 batches that differ in a counter do not collide', () => {
    const seen = new Set<number>()
    for (let i = 0; i < 200_000; i++) seen.add(fingerprintBatch([of('a', `{"n":${i}}`)]))
    expect(seen.size).toBe(200_000)
  })
})

test('an event weighs what it did before there were tags, and with them more than their texts', () => {
  const plain = { topic: parseTopic('a/b'), type: 't', data: 'text', key: 'k' }
  expect(measureRecord(plain)).toBe(200 + 3 + 1 + 4 + 1)
  expect(measureRecord({ ...plain, tags: {} })).toBe(measureRecord(plain))
  const tagged = { ...plain, tags: { region: 'eu' }, permission: 'p' }
  expect(measureRecord(tagged)).toBe(measureRecord(plain) + 80 + 90 + 6 + 2 + 1)
  expect(measureRecord({ ...plain, ttlMs: 1 })).toBe(measureRecord(plain) + 80)
})

test('UTF-8 is measured as it is encoded', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 700 }), (text) => {
      expect(measureUtf8(text)).toBe(new TextEncoder().encode(text).length)
    }),
  )
})
