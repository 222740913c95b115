// The judge must be able to fail: each way to break the promise is shown to it once, beside a
// history that keeps it.

import { describe, expect, test } from 'vitest'
import { judge } from '../src/traffic/judge.ts'
import type { Attempt, TrafficHistory, ReceivedEvent, Reception } from '../src/traffic/history.ts'
import { matchesAny } from '../src/traffic/matches-any.ts'

/** The cursor at a place of one history; another letter is another history. */
function at(place: number, epoch = 'a'): string {
  return `1${epoch.repeat(18)}0-${place.toString(36)}`
}

function attempt(publisher: string, numbers: readonly number[], receipt?: number): Attempt {
  return {
    publisher,
    isKeyed: publisher.startsWith('keyed'),
    events: numbers.map((number) => ({ number, topic: number % 2 === 0 ? 'even' : 'odd' })),
    receipt: receipt === undefined ? undefined : at(receipt),
  }
}

function got(publisher: string, number: number, place: number): ReceivedEvent {
  return { publisher, number, topic: number % 2 === 0 ? 'even' : 'odd', cursor: at(place) }
}

function reception(events: readonly ReceivedEvent[], rest: Partial<Reception> = {}): Reception {
  return {
    subscriber: 'all',
    topics: ['**'],
    isBatched: false,
    events,
    gaps: [],
    faults: [],
    ...rest,
  }
}

const attempts: readonly Attempt[] = [
  attempt('keyless', [0], 1),
  attempt('keyless', [1, 2], 3),
  attempt('keyed', [0], 4),
  // Nobody answered, and it was not stored.
  attempt('keyless', [3, 4]),
]

const everything: readonly ReceivedEvent[] = [
  got('keyless', 0, 1),
  got('keyless', 1, 2),
  got('keyless', 2, 3),
  got('keyed', 0, 4),
]

/** Kinds and texts of what is wrong with one more reception beside a whole one. */
function judgeBeside(events: readonly ReceivedEvent[], rest: Partial<Reception> = {}): string[] {
  const second = reception(events, { subscriber: 'second', ...rest })
  return describeVerdict({ attempts, receptions: [reception(everything), second] })
}

function describeVerdict(history: TrafficHistory): string[] {
  return judge(history).map(({ kind, subscriber, text }) => `${kind}: ${subscriber} ${text}`)
}

describe('a history that keeps the promise', () => {
  test('has no violation', () => {
    expect(judgeBeside(everything)).toEqual([])
  })

  test('may lack what nobody acknowledged and nobody saw', () => {
    const events = everything.map(({ publisher, number }) => `${publisher} ${number}`)
    expect(events).not.toContain('keyless 3')
    expect(judgeBeside(everything)).toEqual([])
  })

  test('may hold what nobody acknowledged, if everybody has it', () => {
    const stored = [...everything, got('keyless', 3, 5), got('keyless', 4, 6)]
    const receptions = [reception(stored), reception(stored, { subscriber: 'second' })]
    expect(describeVerdict({ attempts, receptions })).toEqual([])
  })

  test('shows a subscriber only its own topics', () => {
    const even = everything.filter(({ topic }) => topic === 'even')
    expect(judgeBeside(even, { topics: ['even'] })).toEqual([])
  })

  test('gives the events of a batch the id of its last', () => {
    const batch = everything.map((event) => ({ ...event, cursor: at(4) }))
    expect(judgeBeside(batch, { isBatched: true })).toEqual([])
  })
})

describe('the judge notices', () => {
  test('an acknowledged event that never came', () => {
    expect(judgeBeside(everything.filter(({ number }) => number !== 1))).toEqual([
      `lost: second never got keyless number 1 (odd), acknowledged as ${at(3)}`,
    ])
  })

  test('a keyed event that came to nobody, although nobody acknowledged it', () => {
    const history = { attempts: [attempt('keyed', [7])], receptions: [reception([])] }
    expect(describeVerdict(history)).toEqual([
      'lost: all never got keyed number 7 (odd), published with a key',
    ])
  })

  test('an event without acknowledgement that one has and another has not', () => {
    const receptions = [
      reception([...everything, got('keyless', 3, 5), got('keyless', 4, 6)]),
      reception(everything, { subscriber: 'second', topics: ['odd', 'even'] }),
    ]
    expect(describeVerdict({ attempts, receptions })).toEqual([
      'lost: second never got keyless number 3 (odd), though its request was stored',
      'lost: second never got keyless number 4 (even), though its request was stored',
    ])
  })

  test('half a batch', () => {
    const receptions = [reception([...everything, got('keyless', 3, 5)])]
    expect(describeVerdict({ attempts, receptions })).toEqual([
      'lost: all never got keyless number 4 (even), though its request was stored',
    ])
  })

  test('an event that nobody attempted', () => {
    expect(judgeBeside([...everything, got('keyless', 9, 5)])).toEqual([
      'invented: second got keyless number 9 (odd), never attempted',
    ])
  })

  test('an event under another topic', () => {
    const moved = { ...got('keyless', 3, 5), topic: 'even' }
    expect(judgeBeside([...everything, moved])).toEqual([
      'invented: second got keyless number 3 (even), never attempted',
    ])
  })

  test('an event of a topic that was not asked for', () => {
    expect(judgeBeside(everything.slice(0, 2), { topics: ['even'] })).toEqual(
      expect.arrayContaining(['invented: second got keyless number 1 (odd), not of its topics']),
    )
  })

  test('an event that came twice', () => {
    const twice = [...everything, got('keyed', 0, 4)]
    expect(judgeBeside(twice)).toEqual(
      expect.arrayContaining(['doubled: second got keyed number 0 (even) more than once']),
    )
  })

  test('an event that was stored twice', () => {
    const twice = [...everything, got('keyed', 0, 5)]
    const receptions = [reception(twice), reception(twice, { subscriber: 'second' })]
    expect(describeVerdict({ attempts, receptions })).toEqual(
      expect.arrayContaining(['doubled: second got keyed number 0 (even) more than once']),
    )
  })

  test('ids that fall', () => {
    const [first, second, third, fourth] = everything as readonly [
      ReceivedEvent,
      ReceivedEvent,
      ReceivedEvent,
      ReceivedEvent,
    ]
    expect(judgeBeside([first, second, fourth, third])).toEqual([
      `log-order: second got keyless number 2 (even) at ${at(3)} after ${at(4)}`,
    ])
  })

  test('ids of another history', () => {
    const moved = everything.map((event) => ({ ...event, cursor: at(9, 'b') }))
    expect(judgeBeside(moved.slice(0, 1).concat(everything.slice(1)))).toEqual(
      expect.arrayContaining([
        `log-order: second got keyless number 1 (odd) at ${at(2)} after ${at(9, 'b')}`,
      ]),
    )
  })

  test('a batch whose events are out of order', () => {
    const batch = everything.toReversed().map((event) => ({ ...event, cursor: at(4) }))
    expect(judgeBeside(batch, { isBatched: true })).toEqual(
      expect.arrayContaining([
        `log-order: second got keyless number 2 (even) at ${at(3)} after ${at(4)}`,
      ]),
    )
  })

  test('a batch whose id is older than an event in it', () => {
    const batch = everything.map((event) => ({ ...event, cursor: at(3) }))
    expect(judgeBeside(batch, { isBatched: true })).toEqual([
      `log-order: second got keyed number 0 (even) under the id ${at(3)}`,
    ])
  })

  test('a publisher whose events come in another order than it published them', () => {
    const swapped = [got('keyless', 0, 1), got('keyless', 2, 2), got('keyless', 1, 3)]
    const receptions = [reception([...swapped, got('keyed', 0, 4)])]
    expect(describeVerdict({ attempts, receptions })).toEqual(
      expect.arrayContaining(['publishing-order: all got keyless number 1 (odd) after number 2']),
    )
  })

  test('a receipt for another position than the event was delivered at', () => {
    const history = {
      attempts: [attempt('keyed', [0], 5)],
      receptions: [reception([got('keyed', 0, 4)])],
    }
    expect(describeVerdict(history)).toEqual([
      `position: publishers keyed has ${at(5)} as receipt of number 0, delivered as ${at(4)}`,
    ])
  })

  test('an event that two subscribers saw at two positions', () => {
    const moved = [...everything.slice(0, 3), got('keyed', 0, 8)]
    expect(judgeBeside(moved)).toEqual([
      `position: second got keyed number 0 (even) at ${at(8)}; others at ${at(4)}`,
    ])
  })

  test('two events at one position', () => {
    const history = {
      attempts: [attempt('keyless', [0], 1), attempt('keyless', [1])],
      receptions: [
        reception([got('keyless', 0, 1)], { topics: ['even'] }),
        reception([got('keyless', 1, 1)], { topics: ['odd'] }),
      ],
    }
    expect(describeVerdict(history)).toEqual([
      `position: publishers keyless number 0 (even) and keyless number 1 (odd) are both at ${at(1)}`,
    ])
  })

  test('a gap', () => {
    expect(judgeBeside(everything, { gaps: ['{"reason":"epoch"}'] })).toEqual([
      'gap: second was told of a gap: {"reason":"epoch"}',
    ])
  })

  test('a fault', () => {
    expect(judgeBeside(everything, { faults: ['was answered 500'] })).toEqual([
      'fault: second was answered 500',
    ])
  })
})

test.each([
  ['orders/1', 'orders/1', true],
  ['orders/*', 'orders/1', true],
  ['orders/*', 'orders', false],
  ['orders/*', 'orders/1/items', false],
  ['orders/**', 'orders/1/items', true],
  ['orders/**', 'orders', false],
  ['*/7/**', 'users/7', false],
  ['*/7/**', 'users/7/cart', true],
  ['**', 'logs/a', true],
  ['orders/1', 'orders/12', false],
])('%s takes %s: %s', (pattern, topic, expected) => {
  expect(matchesAny(['nothing', pattern], topic)).toBe(expected)
})
