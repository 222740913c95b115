// Records as bytes: whatever enters the log comes out of it the same.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Topic } from '@tidemark/log'
import { makePosition, parseEpoch } from '@tidemark/log/driver'
import {
  decodeExpiry,
  decodeHead,
  decodeKey,
  decodeRecord,
  decodeTopic,
  encodeRecord,
} from '../src/tables/record-codec.ts'
import { indexKey, latestKey, readSequence, sequenceKey } from '../src/tables/schema.ts'

const position = makePosition(parseEpoch('record'.padEnd(19, '0')), 1)
const text = (maxLength: number) => fc.string({ unit: 'binary', maxLength })
const sequence = fc.nat(Number.MAX_SAFE_INTEGER)

test('a record comes back from its bytes as it went in', () => {
  const event = fc.record({
    topic: text(80).map((name) => name as Topic),
    type: fc.option(fc.string({ unit: 'binary', minLength: 1, maxLength: 256 }), {
      nil: undefined,
    }),
    key: fc.option(text(256), { nil: undefined }),
    data: text(3_000),
    tags: fc.option(fc.dictionary(text(64), text(256), { minKeys: 1, maxKeys: 16 }), {
      nil: undefined,
    }),
    permission: fc.option(text(128), { nil: undefined }),
    ttlMs: fc.option(fc.nat(2 ** 35), { nil: undefined }),
  })
  const head = fc.record({
    time: fc.nat(Number.MAX_SAFE_INTEGER),
    topicId: fc.nat(0xffff_ffff),
    weight: fc.nat(0xffff_ffff),
  })
  fc.assert(
    fc.property(event, head, (given, place) => {
      const bytes = Buffer.from(encodeRecord(given, place))
      expect(decodeHead(bytes)).toEqual(place)
      expect(decodeTopic(bytes)).toBe(given.topic)
      expect(decodeKey(bytes)).toBe(given.key)
      const { time } = place
      const { ttlMs, ...texts } = given
      const type = given.type ?? 'message'
      const expiresAt = ttlMs === undefined ? undefined : time + ttlMs
      expect(decodeExpiry(bytes)).toBe(expiresAt ?? Infinity)
      expect(decodeRecord(bytes, position)).toEqual({ ...texts, type, time, position, expiresAt })
    }),
  )
})

test('keys sort as their numbers do', () => {
  fc.assert(
    fc.property(fc.nat(0xffff_fffe), sequence, sequence, (topicId, a, b) => {
      expect(Math.sign(Buffer.compare(sequenceKey(a), sequenceKey(b)))).toBe(Math.sign(a - b))
      expect(Math.sign(Buffer.compare(indexKey(topicId, a), indexKey(topicId, b)))).toBe(
        Math.sign(a - b),
      )
      expect(Buffer.compare(indexKey(topicId, a), indexKey(topicId + 1, b))).toBe(-1)
      expect(readSequence(sequenceKey(a))).toBe(a)
      expect(readSequence(indexKey(topicId, a))).toBe(a)
    }),
  )
})

test('the longest event key fits into a key of LMDB', () => {
  expect(latestKey(0xffff_ffff, '漢'.repeat(256)).length).toBeLessThanOrEqual(1_978)
})

const plain = { topic: 'a/b' as Topic, type: 'paid', key: 'k', data: 'x'.repeat(40) }
const extras = { tags: { region: 'eu' }, permission: 'p', ttlMs: 60_000 }

test('a record without tags has the bytes it had before there were any', () => {
  const bytes = Buffer.from(encodeRecord(plain, { time: 1, topicId: 2, weight: 248 }))
  expect(bytes.length).toBe(24 + 3 + 4 + 1 + 40 + 4)
  expect(bytes.toString('latin1', 24, 72)).toBe(`a/bpaidk${'x'.repeat(40)}`)
  expect(bytes.readUInt16LE(20)).toBe(4)
})

test.each([
  ['a record', plain],
  ['a record with tags', { ...plain, ...extras }],
])('%s with a flipped bit is told as damage, whichever bit it is', (_, event) => {
  const whole = Buffer.from(encodeRecord(event, { time: 1, topicId: 2, weight: 248 }))
  expect(decodeRecord(whole, position).data).toBe(event.data)
  for (let bit = 0; bit < 8 * whole.length; bit++) {
    const bytes = Buffer.from(whole)
    bytes.writeUInt8(bytes.readUInt8(bit >>> 3) ^ (1 << (bit & 7)), bit >>> 3)
    expect(() => decodeRecord(bytes, position)).toThrow(
      expect.objectContaining({ code: 'LOG_DAMAGED' }),
    )
  }
})

test('a record that was stored before there were checksums is read', () => {
  const event = { topic: 'a/b' as Topic, type: 'paid', key: 'k', data: 'text' }
  const weight = 200 + 3 + 4 + 1 + 4
  const summed = encodeRecord(event, { time: 1, topicId: 2, weight })
  const before = Buffer.from(summed.subarray(0, -4))
  before.writeUInt16LE(3, 18)
  expect(decodeRecord(before, position)).toEqual({ ...event, time: 1, position })
})
