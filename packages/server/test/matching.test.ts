// Finding the audiences of a topic, and the recent records of a cursor, against the slow and obvious way.

import { matchesPattern, parsePattern, parseTopic, systemClock } from '@tidemark/log'
import type { EventRecord, Pattern } from '@tidemark/log'
import { makePosition, parseEpoch, sequenceOf } from '@tidemark/log/driver'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FramedRecord } from '../src/framing/framed-record.ts'
import { recentRecordsMax } from '../src/limits.ts'
import { PatternTrie } from '../src/fan-out/pattern-trie.ts'
import { RecentRecords } from '../src/fan-out/recent.ts'

const segment = fc.constantFrom('a', 'b', 'c', '$hub')
const topic = fc
  .array(segment, { minLength: 1, maxLength: 4 })
  .map((parts) => parseTopic(parts.join('/')))
const pattern = fc
  .tuple(
    fc.array(fc.oneof(segment, fc.constant('*')), { maxLength: 3 }),
    fc.constantFrom('*', '**'),
  )
  .map(([parts, last]) => parsePattern([...parts, last].join('/')))

test('the trie finds exactly the patterns that match, also after some have left', () => {
  fc.assert(
    fc.property(
      fc.array(pattern, { maxLength: 20 }),
      fc.array(fc.nat(19), { maxLength: 10 }),
      topic,
      (patterns, leaving, wanted) => {
        const trie = new PatternTrie<Pattern>()
        const kept = new Set(patterns)
        for (const one of patterns) trie.add(one, one)
        for (const index of leaving) {
          const one = patterns[index]
          if (one === undefined) continue
          trie.remove(one, one)
          kept.delete(one)
        }
        const found = new Set<Pattern>()
        trie.match(wanted, (one) => found.add(one))
        expect([...found].toSorted()).toEqual(
          [...kept].filter((one) => matchesPattern(one, wanted)).toSorted(),
        )
      },
    ),
    { numRuns: 2_000 },
  )
})

const epoch = parseEpoch('recent'.padEnd(19, '0'))

function record(sequence: number): EventRecord {
  return {
    position: makePosition(epoch, sequence),
    time: 0,
    topic: parseTopic('a'),
    type: 'message',
    data: 'x',
    key: undefined,
  }
}

test('recent records answer for what they hold, and only for that', () => {
  const recent = new RecentRecords(makePosition(epoch, 10), systemClock)
  expect(recent.after(makePosition(epoch, 10))).toEqual([])
  expect(recent.after(makePosition(epoch, 9))).toBeUndefined()
  for (let i = 11; i <= 3_000; i++) recent.push([new FramedRecord(record(i))])
  const oldest = 3_000 - recentRecordsMax
  expect(recent.after(makePosition(epoch, oldest))).toHaveLength(recentRecordsMax)
  expect(recent.after(makePosition(epoch, oldest - 1))).toBeUndefined()
  expect(
    recent.after(makePosition(epoch, 2_990))?.map((framed) => sequenceOf(framed.record.position)),
  ).toEqual([2_991, 2_992, 2_993, 2_994, 2_995, 2_996, 2_997, 2_998, 2_999, 3_000])
  expect(recent.after(makePosition(epoch, 3_001))).toBeUndefined()
  expect(recent.after(makePosition(parseEpoch('another'.padEnd(19, '0')), 2_990))).toBeUndefined()
})
