// Random histories against the model: every page, and every loss.

import { comparePositions, formatCursor, parseTopic, parseTopicSet } from '@tidemark/log'
import type { NewEvent, Position, Retention } from '@tidemark/log'
import { encodeRetention } from '@tidemark/log/driver'
import fc from 'fast-check'
import { expect, test } from 'vitest'

import type { Bench, OpenBench } from './harness.ts'
import { HistoryModel } from './history-model.ts'
import type { ModelRules } from './history-model.ts'
import { recordTail } from './tail-recorder.ts'

const topics = ['a', 'b', 'few/1', 'few/2', 'few/1/x', 'last/1', 'last/2', '$hub/n']
const names = [
  'a',
  'b',
  'few/1',
  'last/1',
  '$hub/n',
  'none',
  '*',
  'few/*',
  'few/**',
  '*/1',
  'last/*',
  '**',
  '$hub/*',
]
const minuteMs = 60_000

/** Between two steps, and so that no tombstone comes within two minutes of an age. */
const lifeMs = 7.5 * minuteMs

const isFew = (topic: string): boolean => /^few\/[^/]+$/.test(topic)
const isLast = (topic: string): boolean => /^last\/[^/]+$/.test(topic)
const latestBy = 'key' as const
const maxBytes = Infinity

interface Variant {
  readonly model: ModelRules
  readonly retention: Retention
}

// No time in a history comes within five minutes of an age: steps are ten, and flushing may let a
// little pass.
const first: Variant = {
  model: {
    maxAgeMs: 65 * minuteMs,
    maxEventsOf: (topic) => (isFew(topic) ? 3 : Infinity),
    isLatestByKey: isLast,
  },
  retention: {
    maxAgeMs: 65 * minuteMs,
    maxBytes,
    rules: [
      { pattern: 'few/*', maxEvents: 3 },
      { pattern: 'last/*', latestBy },
    ],
  },
}

/** The rules that a history changes to; the first comes back as well. */
const variants: readonly Variant[] = [
  first,
  {
    model: {
      maxAgeMs: 25 * minuteMs,
      maxEventsOf: (topic) => (isFew(topic) ? 1 : Infinity),
      isLatestByKey: (topic) => topic === 'b',
    },
    retention: {
      maxAgeMs: 25 * minuteMs,
      maxBytes,
      rules: [
        { pattern: 'few/*', maxEvents: 1 },
        { pattern: 'b', latestBy },
      ],
    },
  },
  {
    model: {
      maxAgeMs: 65 * minuteMs,
      maxEventsOf: (topic) => (topic.startsWith('$') ? Infinity : isLast(topic) ? 1 : 2),
      isLatestByKey: (topic) => !topic.startsWith('$'),
    },
    retention: {
      maxAgeMs: 65 * minuteMs,
      maxBytes,
      rules: [
        { pattern: 'last/*', maxEvents: 1, latestBy },
        { pattern: '**', maxEvents: 2, latestBy },
      ],
    },
  },
  {
    model: { maxAgeMs: Infinity, maxEventsOf: () => Infinity, isLatestByKey: () => false },
    retention: { maxAgeMs: Infinity, maxBytes, rules: [] },
  },
]

const someEvents = fc.array(
  fc.record({
    topic: fc.constantFrom(...topics),
    key: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }),
    ttlMs: fc.option(fc.constant(lifeMs), { nil: undefined, freq: 2 }),
  }),
  { minLength: 1, maxLength: 6 },
)
const someRead = fc.record({
  kind: fc.constant('read' as const),
  names: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 4 }),
  after: fc.nat(),
  upTo: fc.nat(),
  limit: fc.integer({ min: 1, max: 6 }),
})
const someStep = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('append' as const), events: someEvents }) },
  { weight: 5, arbitrary: someRead },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('wait' as const),
      steps: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('rules' as const),
      variant: fc.constantFrom(...variants),
    }),
  },
)

type Read = typeof someRead extends fc.Arbitrary<infer T> ? T : never
type Step = typeof someStep extends fc.Arbitrary<infer T> ? T : never

export function describeModel(open: OpenBench, runs: number): void {
  test('every page and every loss is what a naive history says, and the tail misses nothing', async () => {
    let histories = 0
    const property = fc.asyncProperty(
      fc.array(someStep, { minLength: 1, maxLength: 30 }),
      async (steps) => {
        await runHistory(await open(first.retention), steps)
        histories += 1
      },
    )
    await fc.assert(property, { numRuns: runs })
    expect(histories).toBe(runs)
  })
}

async function runHistory(bench: Bench, steps: readonly Step[]): Promise<void> {
  const { log, clock, harness, start } = bench
  const model = new HistoryModel(first.model)
  const positions: Position[] = []
  const published: string[] = []
  const seen = recordTail(log, start)
  for (const step of steps) {
    if (step.kind === 'append') {
      const events: NewEvent[] = step.events.map(({ topic, key, ttlMs }, i) => ({
        topic: parseTopic(topic),
        data: String(published.length + i),
        key,
        ttlMs,
      }))
      const time = clock.now()
      const given = await log.append({ events })
      model.append(events, given, time)
      positions.push(...given)
      published.push(...events.map(({ data }) => data))
    } else if (step.kind === 'wait') {
      clock.advance(step.steps * 10 * minuteMs)
    } else if (step.kind === 'rules') {
      const change = encodeRetention(step.variant.retention, 'change')
      positions.push(...(await log.append({ events: [change] })))
      published.push(change.data)
      await harness.flushRetention()
      model.changeRules(step.variant.model, clock.now())
      await compareWhole(bench, { model, positions })
      continue
    } else {
      await compareRead(bench, { model, positions, read: step })
      continue
    }
    await harness.flushRetention()
    const now = clock.now()
    await seen.reached((await log.bounds()).head)
    const told = seen.records.slice(published.length)
    expect(told.map(({ topic, key }) => `${topic} ${key}`).toSorted()).toEqual(
      model.endedKeys(now).toSorted(),
    )
    model.end(now, told)
    positions.push(...told.map(({ position }) => position))
    published.push(...told.map(({ data }) => data))
    model.expire(now)
  }
  await compareWhole(bench, { model, positions })
  await seen.reached(positions.at(-1) ?? start)
  expect(seen.records.map(({ data }) => data)).toEqual(published)
  await log.close()
}

interface State {
  readonly model: HistoryModel
  readonly positions: readonly Position[]
}

interface Comparison extends State {
  readonly read: Read
}

/** Each topic alone, from the start and from every third position. */
async function compareWhole(bench: Bench, state: State): Promise<void> {
  const upTo = state.positions.length
  for (const topic of topics) {
    for (let after = 0; after <= upTo; after += 3)
      await compareRead(bench, {
        ...state,
        read: { kind: 'read', names: [topic], after, upTo, limit: 6 },
      })
  }
}

/** Reads page by page between two random positions and compares each page's loss and all the records. */
async function compareRead(
  { log, start }: Bench,
  { model, positions, read }: Comparison,
): Promise<void> {
  const places = [start, ...positions]
  const set = parseTopicSet(read.names)
  const from = places[read.after % places.length] ?? start
  const upTo = places[read.upTo % places.length] ?? start
  const asked = (after: Position) => (after === start ? undefined : after)
  const data: string[] = []
  let next = from
  for (;;) {
    const after = next
    const page = await log.read({ topics: set, after, upTo, limit: read.limit })
    const { lostTo } = model.read(set, asked(after), upTo)
    expect(page.lost && formatCursor(page.lost.to)).toBe(lostTo && formatCursor(lostTo))
    expect(page.records.length).toBeLessThanOrEqual(read.limit)
    data.push(...page.records.map((record) => record.data))
    next = page.next
    expect(comparePositions(next, after)).toBeGreaterThanOrEqual(0)
    if (comparePositions(next, upTo) >= 0) break
    expect(comparePositions(next, after)).toBeGreaterThan(0)
  }
  expect(data).toEqual(model.read(set, asked(from), upTo).data)
}
