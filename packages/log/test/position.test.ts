// Cursors: round trips, and garbage from the outside.

import fc from 'fast-check'
import { expect, test } from 'vitest'

import { beginOf, isChildOf, makeEpoch, openedAtOf, parseEpoch } from '../src/epoch.ts'
import {
  comparePositions,
  epochOf,
  formatCursor,
  isSameEpoch,
  makePosition,
  parseCursor,
  sequenceOf,
} from '../src/position.ts'

const epochs = fc
  .record({
    now: fc.nat(4e12),
    begin: fc.maxSafeNat(),
    randomBytes: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  })
  .map((given) => makeEpoch({ ...given, parent: undefined }))
const positions = fc
  .tuple(epochs, fc.nat())
  .map(([epoch, further]) =>
    makePosition(epoch, Math.min(beginOf(epoch) + further, Number.MAX_SAFE_INTEGER)),
  )
const parts = fc
  .uniqueArray(fc.tuple(fc.stringMatching(/^[a-z]$/), fc.stringMatching(/^[0-9A-Za-z_-]{1,64}$/)), {
    maxLength: 4,
    selector: ([letter]) => letter,
  })
  .map((entries) => new Map(entries))

test('a cursor is read as it was written, with its parts', () => {
  fc.assert(
    fc.property(positions, parts, (position, given) => {
      const cursor = parseCursor(formatCursor(position, given))
      expect(cursor && epochOf(cursor.position)).toBe(epochOf(position))
      expect(cursor && sequenceOf(cursor.position)).toBe(sequenceOf(position))
      expect(cursor?.parts).toEqual(given)
    }),
  )
})

test('a cursor is safe in a header, a URL and an SSE line', () => {
  fc.assert(
    fc.property(positions, parts, (position, given) => {
      const text = formatCursor(position, given)
      expect(text).toMatch(/^[0-9A-Za-z~_-]+$/)
      expect(encodeURIComponent(text)).toBe(text)
    }),
  )
})

test('text that is no cursor is told apart, whatever it is', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.stringMatching(/^1[0-9a-z]{14,18}-[0-9a-z~A-Z]{0,14}$/)),
      (text) => {
        const cursor = parseCursor(text)
        const again = cursor && formatCursor(cursor.position, cursor.parts)
        expect([undefined, text]).toContain(again)
      },
    ),
    { numRuns: 2_000 },
  )
})

const garbage = {
  nothing: '',
  'a number': '42',
  'another version': '2abcdefghijkl0000-1',
  'no sequence': '1abcdefghijkl0000-',
  'a leading zero': '1abcdefghijkl0000-01',
  'an epoch of 15 characters': '1abcdefghijkl000-1',
  'a place before its epoch began': '1abcdefghijkl0002-1',
  'a beginning with a leading zero': '1abcdefghijkl00001-1',
  'an epoch in capitals': '1ABCDEFGHIJKL0000-1',
  'a sequence beyond 2^53': '1abcdefghijkl0000-zzzzzzzzzzz',
  'a line break at its end': '1abcdefghijkl0000-1\n',
  'a part without a value': '1abcdefghijkl0000-1~a',
  'a part that is too long': `1abcdefghijkl0000-1~a${'x'.repeat(65)}`,
  'five parts': '1abcdefghijkl0000-1~aa~ba~ca~da~ea',
  'a space': ' 1abcdefghijkl0000-1',
}
for (const [what, text] of Object.entries(garbage)) {
  test(`${what} is no cursor`, () => {
    expect(parseCursor(text)).toBeUndefined()
  })
}

test('64 KB of almost a cursor are refused at once', () => {
  expect(parseCursor(`1abcdefghijkl0000-1${'~aa'.repeat(20_000)}`)).toBeUndefined()
})

test('a cursor of a log with sixty million events has at most 27 characters', () => {
  const begin = 36 ** 5 - 2
  const epoch = makeEpoch({ parent: undefined, begin, now: 1.8e12, randomBytes: Buffer.alloc(4) })
  expect(formatCursor(makePosition(epoch, begin + 1)).length).toBeLessThanOrEqual(27)
})

test('an epoch knows its parent, where it began, and that it is younger', () => {
  const make = (parent: typeof first | undefined, begin: number, now: number): typeof first =>
    makeEpoch({ parent, begin, now, randomBytes: Buffer.of(1, 2, 3, 4) })
  const first = makeEpoch({
    parent: undefined,
    begin: 0,
    now: 1.8e12,
    randomBytes: Buffer.alloc(4),
  })
  const second = make(first, 7, 0)
  expect(isChildOf(second, first)).toBe(true)
  expect(isChildOf(first, second)).toBe(false)
  expect(isChildOf(make(undefined, 7, 0), first)).toBe(false)
  expect(beginOf(second)).toBe(7)
  expect(openedAtOf(second)).toBe(1.8e12 + 1)
  expect(openedAtOf(make(second, 7, Infinity))).toBe(36 ** 8 - 1)
})

test('positions of one epoch are ordered by their sequence', () => {
  const epoch = parseEpoch('abcdefghijkl0000')
  const [a, b] = [makePosition(epoch, 9), makePosition(epoch, 10)]
  expect(comparePositions(a, b)).toBeLessThan(0)
  expect(comparePositions(b, a)).toBeGreaterThan(0)
  expect(comparePositions(a, makePosition(epoch, 9))).toBe(0)
  expect(isSameEpoch(a, makePosition(parseEpoch('0000000000000000'), 9))).toBe(false)
})

test('a stored epoch that is none is refused', () => {
  for (const text of [
    '',
    'abcdefghijkl000',
    'ABCDEFGHIJKL0000',
    'abcdefghijkl0000\n',
    'abcdefghijkl000zzzzzzzzzzz',
  ]) {
    expect(() => parseEpoch(text)).toThrow(expect.objectContaining({ code: 'EPOCH_INVALID' }))
  }
})
