// The judge of streams must be able to fail: each fault is shown to it once, beside a stream that is whole.

import { parseCursor } from '@tidemark/log'
import { describe, expect, test } from 'vitest'
import type { BookedEvent } from '../src/load/event-book.ts'
import { judgeStream } from '../src/load/judge-stream.ts'
import type { LagRule, StreamReception } from '../src/load/judge-stream.ts'

function at(place: number): string {
  return `1aaaaaaaaaaaaaaaaaa0-${place.toString(36)}`
}

/** Places 1 to 8: two topics in turns, two keys in turns. */
const events: readonly BookedEvent[] = Array.from({ length: 8 }, (_, index) => ({
  publisher: 'p',
  number: index,
  topic: index % 2 === 0 ? 'even' : 'odd',
  key: index % 4 < 2 ? 'a' : 'b',
  cursor: at(index + 1),
  index,
}))

function pick(...numbers: readonly number[]): readonly BookedEvent[] {
  return events.filter(({ number }) => numbers.includes(number))
}

function judge(
  received: readonly BookedEvent[],
  rest: Partial<StreamReception> & { readonly rule?: LagRule } = {},
): readonly string[] {
  const { rule = 'delay', ...reception } = rest
  const always = { topics: ['**'], start: undefined, end: undefined, gaps: [], canLag: true }
  const whole = { ...always, received, ...reception }
  return judgeStream(whole, { events, ruleOf: () => rule }).violations
}

const gap = { from: at(2), to: at(4), reason: 'rate' }

describe('a stream that keeps the promise', () => {
  test('holds every event of its topics in order', () => {
    expect(judge(events)).toEqual([])
    expect(judge(pick(1, 3, 5, 7), { topics: ['odd'] })).toEqual([])
  })

  test('begins where it joined', () => {
    const start = parseCursor(at(5))?.position
    expect(judge(pick(5, 6, 7), { start })).toEqual([])
    expect(judge(events, { start })).not.toEqual([])
  })

  test('ends where it has come to', () => {
    const end = parseCursor(at(5))?.position
    expect(judge(pick(0, 1, 2, 3, 4), { end })).toEqual([])
    expect(judge(pick(0, 1, 2, 4), { end })).toEqual([expect.stringMatching(/^never got: p:3 /)])
  })

  test('may lack what a newer value of its key supersedes, under conflate', () => {
    expect(judge(pick(4, 5, 6, 7), { rule: 'conflate' })).toEqual([])
  })

  test('may lack what a gap tells of, under drop', () => {
    expect(judge(pick(0, 1, 4, 5, 6, 7), { rule: 'drop', gaps: [gap] })).toEqual([])
  })
})

describe('a violation is', () => {
  test('an event that is missing in the middle, or at the end, with those around it', () => {
    expect(judge(pick(0, 1, 2, 4, 5, 6, 7))).toEqual([
      'never got: p:3 odd#b at 1aaaaaaaaaaaaaaaaaa0-4; expected p:0 even#a @0, p:1 odd#a @1, p:2 even#b @2, [p:3 odd#b @3], p:4 even#a @4, p:5 odd#a @5 …; got p:0 even#a @0, p:1 odd#a @1, p:2 even#b @2, [p:4 even#a @4], p:5 odd#a @5, p:6 even#b @6 …',
    ])
    expect(judge(pick(0, 1, 2, 3, 4, 5, 6))[0]).toMatch(/^never got: p:7 /)
  })

  test('an event that comes twice', () => {
    expect(judge([...pick(0, 1), ...events])[0]).toMatch(/^got twice: p:0 /)
  })

  test('an event that comes after a later one', () => {
    const [first, second, ...others] = events
    const swapped = [second, first, ...others].filter((event) => event !== undefined)
    expect(judge(swapped).map((text) => text.slice(0, 18))).toEqual([
      'never got: p:0 eve',
      'got too late: p:0 ',
    ])
  })

  test('an event of a topic it did not ask for', () => {
    expect(judge(events, { topics: ['odd'] })[0]).toMatch(/^got what is not due: p:0 /)
  })

  test('the newest value of a key that never comes, under conflate', () => {
    // The older one has nothing that supersedes it either.
    const violations = judge(pick(4, 5, 6), { rule: 'conflate' })
    expect(violations.map((text) => text.slice(0, 14))).toEqual([
      'never got: p:3',
      'never got: p:7',
    ])
  })

  test('an older value of a key after a newer one, under conflate', () => {
    const [oldest] = events
    const received = oldest === undefined ? [] : [...pick(4, 5, 6, 7), oldest]
    expect(judge(received, { rule: 'conflate' })[0]).toMatch(/^got too late: p:0 /)
  })

  test('an event that is missing beside the gap, or untold, under drop', () => {
    expect(judge(pick(0, 1, 5, 6, 7), { rule: 'drop', gaps: [gap] })[0]).toMatch(/^never got: p:4 /)
    expect(judge(pick(0, 1, 4, 5, 6, 7), { rule: 'drop' })).toHaveLength(2)
  })

  test('what a rule leaves out for one who cannot have lagged', () => {
    expect(judge(pick(0, 1, 2, 4, 5, 6, 7), { rule: 'conflate', canLag: false })).toEqual([
      expect.stringMatching(/^never got: p:3 /),
    ])
    const dropped = judge(pick(0, 1, 4, 5, 6, 7), { rule: 'drop', gaps: [gap], canLag: false })
    expect(dropped.map((text) => text.slice(0, 14))).toEqual([
      'never got: p:2',
      'never got: p:3',
      'was told of a ',
    ])
  })

  test('a gap under another rule, or about nothing', () => {
    expect(judge(pick(0, 1, 4, 5, 6, 7), { gaps: [gap] })).toHaveLength(3)
    expect(judge(events, { rule: 'drop', gaps: [gap] })[0]).toMatch(
      /^was told of a gap without need/,
    )
  })
})
