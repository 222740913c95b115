// Cursors: round trips, and garbage from the outside.

import fc from 'fast-check'
import { expect, test } from 'vitest'

import {
  comparePositions,
  epochOf,
  formatCursor,
  isSameHistory,
  makeEpoch,
  makePosition,
  parseCursor,
  parseEpoch,
  sequenceOf,
} from '../src/position.ts'

const epochs = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => makeEpoch(bytes))
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
      fc.oneof(fc.string(), fc.stringMatching(/^1[0-9a-z]{7,9}-[0-9a-z~A-Z]{0,14}$/)),
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
  'another version': '2abcdefgh-1',
  'no sequence': '1abcdefgh-',
  'a leading zero': '1abcdefgh-01',
  'an epoch of 7 characters': '1abcdefg-1',
  'an epoch in capitals': '1ABCDEFGH-1',
  'a sequence beyond 2^53': '1abcdefgh-zzzzzzzzzzz',
  'a line break at its end': '1abcdefgh-1\n',
  'a part without a value': '1abcdefgh-1~a',
  'a part that is too long': `1abcdefgh-1~a${'x'.repeat(65)}`,
  'five parts': '1abcdefgh-1~aa~ba~ca~da~ea',
  'a space': ' 1abcdefgh-1',
}
for (const [what, text] of Object.entries(garbage)) {
  test(`${what} is no cursor`, () => {
    expect(parseCursor(text)).toBeUndefined()
  })
}

test('64 KB of almost a cursor are refused at once', () => {
  expect(parseCursor(`1abcdefgh-1${'~aa'.repeat(20_000)}`)).toBeUndefined()
})

test('positions of one history are ordered by their sequence', () => {
  const epoch = parseEpoch('abcdefgh')
  const [a, b] = [makePosition(epoch, 9), makePosition(epoch, 10)]
  expect(comparePositions(a, b)).toBeLessThan(0)
  expect(comparePositions(b, a)).toBeGreaterThan(0)
  expect(comparePositions(a, makePosition(epoch, 9))).toBe(0)
  expect(isSameHistory(a, makePosition(parseEpoch('00000000'), 9))).toBe(false)
})

test('a stored epoch that is none is refused', () => {
  for (const text of ['', 'abcdefg', 'ABCDEFGH', 'abcdefgh\n']) {
    expect(() => parseEpoch(text)).toThrow(expect.objectContaining({ code: 'EPOCH_INVALID' }))
  }
})
