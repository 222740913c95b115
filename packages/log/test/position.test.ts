// Cursors: round trips, and garbage from the outside.

import fc from 'fast-check'
import { expect, test } from 'vitest'

import {
  copyOf,
  forkOf,
  isMadeOf,
  makeCopyName,
  makeEpoch,
  openedAtOf,
  parseEpoch,
} from '../src/epoch.ts'
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
    fork: fc.maxSafeNat(),
    randomBytes: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  })
  .map(({ now, fork, randomBytes }) => {
    const copy = makeCopyName({ base: undefined, fork, randomBytes })
    return makeEpoch({ copy, after: undefined, now, randomBytes })
  })
const positions = fc
  .tuple(epochs, fc.maxSafeNat())
  .map(([epoch, sequence]) => makePosition(epoch, sequence))
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
      fc.oneof(fc.string(), fc.stringMatching(/^1[0-9a-z]{17,22}-[0-9a-z~A-Z]{0,14}$/)),
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
  'another version': '2abcdefghijklmno0000-1',
  'no sequence': '1abcdefghijklmno0000-',
  'a leading zero': '1abcdefghijklmno0000-01',
  'an epoch of 18 characters': '1abcdefghijklmno000-1',
  'a beginning with a leading zero': '1abcdefghijklmno00001-1',
  'an epoch in capitals': '1ABCDEFGHIJKLMNO0000-1',
  'a sequence beyond 2^53': '1abcdefghijklmno0000-zzzzzzzzzzz',
  'a line break at its end': '1abcdefghijklmno0000-1\n',
  'a part without a value': '1abcdefghijklmno0000-1~a',
  'a part that is too long': `1abcdefghijklmno0000-1~a${'x'.repeat(65)}`,
  'five parts': '1abcdefghijklmno0000-1~aa~ba~ca~da~ea',
  'a space': ' 1abcdefghijklmno0000-1',
}
for (const [what, text] of Object.entries(garbage)) {
  test(`${what} is no cursor`, () => {
    expect(parseCursor(text)).toBeUndefined()
  })
}

test('64 KB of almost a cursor are refused at once', () => {
  expect(parseCursor(`1abcdefghijklmno0000-1${'~aa'.repeat(20_000)}`)).toBeUndefined()
})

test('a cursor of a log with sixty million events has at most 26 characters, and 31 in one that began as a copy', () => {
  const randomBytes = Buffer.alloc(4, 255)
  const sequence = 36 ** 5 - 1
  const make = (fork: number): string => {
    const copy = makeCopyName({ base: undefined, fork, randomBytes })
    const epoch = makeEpoch({ copy, after: undefined, now: 1.8e12, randomBytes })
    return formatCursor(makePosition(epoch, sequence))
  }
  expect(make(0).length).toBeLessThanOrEqual(26)
  expect(make(sequence - 1).length).toBeLessThanOrEqual(31)
})

test('an epoch knows its copy, what that was made of, and that it is younger than the one before', () => {
  const randomBytes = Buffer.of(1, 2, 3, 4)
  const original = makeCopyName({ base: undefined, fork: 0, randomBytes })
  const first = makeEpoch({ copy: original, after: undefined, now: 1.8e12, randomBytes })
  const copy = makeCopyName({ base: original, fork: 7, randomBytes })
  const second = makeEpoch({ copy, after: first, now: 0, randomBytes })
  expect(copyOf(first)).toBe(original)
  expect(copyOf(second)).toBe(copy)
  expect(forkOf(copy)).toBe(7)
  expect(isMadeOf(copy, original)).toBe(true)
  expect(isMadeOf(copy, copy)).toBe(false)
  expect(isMadeOf(original, copy)).toBe(false)
  expect(openedAtOf(second)).toBe(1.8e12 + 1)
  const late = makeEpoch({ copy, after: second, now: Infinity, randomBytes })
  expect(openedAtOf(late)).toBe(36 ** 8 - 1)
})

test('positions of one epoch are ordered by their sequence', () => {
  const epoch = parseEpoch('abcdefghijklmno0000')
  const [a, b] = [makePosition(epoch, 9), makePosition(epoch, 10)]
  expect(comparePositions(a, b)).toBeLessThan(0)
  expect(comparePositions(b, a)).toBeGreaterThan(0)
  expect(comparePositions(a, makePosition(epoch, 9))).toBe(0)
  expect(isSameEpoch(a, makePosition(parseEpoch('0000000000000000000'), 9))).toBe(false)
})

test('a stored epoch that is none is refused', () => {
  for (const text of [
    '',
    'abcdefghijklmno000',
    'ABCDEFGHIJKLMNO0000',
    'abcdefghijklmno0000\n',
    'abcdefghijklmno000zzzzzzzzzzz',
  ]) {
    expect(() => parseEpoch(text)).toThrow(expect.objectContaining({ code: 'EPOCH_INVALID' }))
  }
})
