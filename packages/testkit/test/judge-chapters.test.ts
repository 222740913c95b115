// The judge of streams whose topics change must be able to fail: each fault is shown to it once.

import { parseCursor } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import type { DecodedEvent } from '@tidemark/wire'
import { describe, expect, test } from 'vitest'
import type { BookedEvent } from '../src/load/event-book.ts'
import { judgeChapters } from '../src/load/judge-chapters.ts'
import { TopicChapters, cursorOfEvent, isInReplay } from '../src/load/topic-chapters.ts'

function at(place: number): string {
  return `1aaaaaaaaaaaaaaaaaa0-${place.toString(36)}`
}

function positionOf(place: number): Position | undefined {
  return parseCursor(at(place))?.position
}

/** Places 1 to 9: three topics in turns. */
const events: readonly BookedEvent[] = Array.from({ length: 9 }, (_, index) => ({
  publisher: 'p',
  number: index + 1,
  topic: ['a', 'b', 'c'][index % 3] ?? '',
  key: undefined,
  cursor: at(index + 1),
  index,
}))

function judge(...numbers: readonly number[]): readonly string[] {
  const from = positionOf(1)
  if (from === undefined) throw new Error('no position')
  const chapters = [
    { topics: ['a'], at: undefined },
    { topics: ['a', 'c'], at: positionOf(4), replay: { topics: ['c'], from, covered: ['a'] } },
    { topics: ['b'], at: positionOf(7) },
  ]
  const received = numbers.map((number) => events[number - 1]).filter((one) => one !== undefined)
  return judgeChapters({ chapters, start: undefined, end: undefined, received, gaps: [] }, events)
}

describe('a stream whose topics change', () => {
  test('gets each topic while it follows it, and what was added from an older place first', () => {
    expect(judge(1, 4, 3, 6, 7, 8)).toEqual([])
  })

  test.each<[string, readonly number[]]>([
    ['an event that is missing', [1, 4, 3, 6, 8]],
    ['the last one that is missing', [1, 4, 3, 6, 7]],
    ['an event of a topic before it was added', [1, 2, 4, 3, 6, 7, 8]],
    ['an event of a topic that has left', [1, 4, 3, 6, 7, 8, 9]],
    ['an event that comes twice', [1, 4, 4, 3, 6, 7, 8]],
    ['a replay that is missing', [1, 4, 6, 7, 8]],
    ['a replay behind what should follow it', [1, 4, 6, 3, 7, 8]],
  ])('is blamed for %s', (_, numbers) => {
    expect(judge(...numbers)).toEqual([expect.stringContaining('and was due')])
  })

  test('is blamed for a gap', () => {
    const gap = { from: null, to: at(1), reason: 'cursor' }
    const whole = { start: undefined, end: undefined, received: [], gaps: [gap] }
    const chapters = [{ topics: ['z'], at: undefined }]
    expect(judgeChapters({ ...whole, chapters }, events)).toHaveLength(1)
  })
})

describe('what a stream tells of its topics', () => {
  const told = (added: readonly string[], removed: readonly string[]): DecodedEvent => ({
    type: 'tidemark.topics',
    fields: undefined,
    id: `${at(3)}~sabc`,
    data: JSON.stringify({ added, removed, reason: 'changed' }),
  })

  test('begins a chapter, where it was asked for', () => {
    const chapters = new TopicChapters(['a', 'b'])
    chapters.ask({ add: ['c'], remove: ['a'], from: at(1) })
    expect(chapters.tell(told(['c'], ['a']))).toBeUndefined()
    expect(chapters.topics).toEqual(['b', 'c'])
    expect(chapters.list[1]?.replay).toMatchObject({ topics: ['c'], covered: ['a', 'b'] })
    expect(chapters.count).toBe(1)
  })

  test('is a fault where nobody has asked, or for something else', () => {
    const chapters = new TopicChapters(['a', 'b'])
    expect(chapters.tell(told(['c'], []))).toContain('unasked')
    chapters.ask({ add: ['d'], remove: [] })
    expect(chapters.tell(told(['c'], []))).toContain('asked for')
    chapters.ask({ add: ['c'], remove: [] })
    chapters.forget()
    expect(chapters.tell(told(['c'], []))).toContain('unasked')
    expect(chapters.topics).toEqual(['a', 'b'])
  })

  test('is owed from the answer on, until it is told or the stream has ended', () => {
    const chapters = new TopicChapters(['a', 'b'])
    const change = { add: ['c'], remove: [] }
    chapters.ask(change)
    expect(chapters.isOwed).toBe(false)
    chapters.note(change)
    expect(chapters.isOwed).toBe(true)
    chapters.tell(told(['c'], []))
    expect(chapters.isOwed).toBe(false)
    const next = { add: ['d'], remove: [] }
    chapters.ask(next)
    chapters.note(change)
    expect(chapters.isOwed).toBe(false)
    chapters.note(next)
    chapters.forget()
    expect(chapters.isOwed).toBe(false)
  })
})

test('an id stands for the event of a replay while there is one', () => {
  expect(cursorOfEvent(at(5))).toBe(at(5))
  expect(cursorOfEvent(`${at(5)}~sabc`)).toBe(at(5))
  expect(cursorOfEvent(`${at(5)}~sabc~c${at(2)}_def`)).toBe(at(2))
  expect(isInReplay(`${at(5)}~sabc~c${at(2)}_def`)).toBe(true)
  expect(isInReplay(`${at(5)}~sabc`)).toBe(false)
})
