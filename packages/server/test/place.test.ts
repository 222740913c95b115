// A place as text and back, and what is not taken for one.

import { formatCursor, parseCursor } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import { makePosition, parseEpoch, sequenceOf } from '@tidemark/log/driver'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { topicSetKeyCharactersMax } from '../src/limits.ts'
import {
  formatPlace,
  noParts,
  partsOfTopics,
  placeOf,
  readParts,
  requireKey,
} from '../src/framing/place.ts'

/** The longest there is: epochs have up to 29 characters, sequences up to 11. */
const epoch = parseEpoch('places'.padEnd(19, '0'))
const position = fc.nat(Number.MAX_SAFE_INTEGER).map((at) => makePosition(epoch, at))
const key = fc.stringMatching(new RegExp(`^[0-9A-Za-z_-]{1,${topicSetKeyCharactersMax}}$`))

/** A stream of a moved session. */
function streamAt(
  cursor: Position,
  parts: string,
  coveredKey?: string,
): Parameters<typeof placeOf>[0] {
  const replay = { phase: 'reading', snapshot: undefined, until: undefined } as const
  const added = coveredKey === undefined ? undefined : { coveredKey, ...replay }
  return { cursor, audience: { framing: { parts } }, added }
}

test('a place comes back from its text, with the topics and the replay that it names', () => {
  fc.assert(
    fc.property(fc.tuple(position, position), fc.tuple(key, key), (places, keys) => {
      const [at, replayed] = places
      const [topicsKey, coveredKey] = keys
      const stream = streamAt(at, partsOfTopics(requireKey(topicsKey)), requireKey(coveredKey))
      const text = formatPlace(placeOf(stream, replayed))
      const parsed = parseCursor(text)
      expect(parsed && sequenceOf(parsed.position)).toBe(sequenceOf(at))
      const read = parsed && readParts(parsed.parts)
      expect(read?.topicsKey).toBe(topicsKey)
      expect(read?.catchUp?.coveredKey).toBe(coveredKey)
      expect(read?.catchUp && sequenceOf(read.catchUp.at)).toBe(sequenceOf(replayed))
      // The log's own way to write parts comes to the same text.
      expect(parsed && formatCursor(parsed.position, parsed.parts)).toBe(text)
    }),
  )
})

test.each(['new', 'reading', 'settling'] as const)(
  'a place of a snapshot comes back from its text (%s)',
  (phase) => {
    const optionalKey = fc.option(key, { nil: undefined })
    fc.assert(
      fc.property(fc.tuple(position, position), fc.tuple(key, optionalKey), (places, keys) => {
        const [at, other] = places
        const [topicsKey, coveredKey] = keys
        const added = {
          coveredKey,
          phase,
          snapshot: {},
          until: phase === 'settling' ? other : undefined,
        }
        const parts = coveredKey === undefined ? noParts : partsOfTopics(topicsKey)
        const stream = { cursor: at, audience: { framing: { parts } }, added }
        const text = formatPlace(placeOf(stream, phase === 'reading' ? other : at))
        const parsed = parseCursor(text)
        expect(parsed && sequenceOf(parsed.position)).toBe(sequenceOf(at))
        const read = parsed && readParts(parsed.parts)
        expect(read?.topicsKey).toBe(parts === noParts ? undefined : topicsKey)
        expect(read?.snapshot?.coveredKey).toBe(coveredKey)
        const came = read?.snapshot?.at && sequenceOf(read.snapshot.at)
        expect(came).toBe(phase === 'new' ? undefined : sequenceOf(other))
      }),
    )
  },
)

test('the longest key and the longest cursor fit into one part', () => {
  const longest = `1${'z'.repeat(29)}-${'z'.repeat(11)}`
  expect(`${longest}_${'k'.repeat(topicSetKeyCharactersMax)}`).toHaveLength(64)
})

test('a place without parts is the cursor that it always was', () => {
  const at = makePosition(epoch, 35)
  expect(formatPlace(placeOf(streamAt(at, noParts), at))).toBe(`1${epoch}-z`)
})

test.each([
  ['a part of a later build', { s: 'abc', x: 'abc' }],
  ['a replay of nobody’s topics', { c: `1${epoch}-5_abc` }],
  ['a replay without the topics it leaves out', { s: 'abc', c: `1${epoch}-5` }],
  ['a replay from no cursor', { s: 'abc', c: 'elsewhere_abc' }],
  ['a replay that ends in nothing', { s: 'abc', c: `1${epoch}-5_` }],
  ['a snapshot from no cursor', { k: 'elsewhere' }],
  ['a snapshot that ends in nothing', { s: 'abc', k: 'new_' }],
  ['a snapshot that leaves out nobody’s topics', { k: 'new_abc' }],
  ['a snapshot beside another replay', { s: 'abc', c: `1${epoch}-5_abc`, k: 'new' }],
])('%s is not read as if it were known', (_, parts) => {
  expect(readParts(new Map(Object.entries(parts)))).toBeUndefined()
})

test.each(['', 'k'.repeat(topicSetKeyCharactersMax + 1), 'a~b', 'a\nb', 'ä'])(
  'a table’s key %j does not get into an id',
  (text) => {
    expect(() => requireKey(text)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  },
)

test('a cursor without parts has the topics of its URL, and no replay', () => {
  expect(readParts(new Map())).toEqual({})
})
