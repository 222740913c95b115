// The judge of parted histories must see each way to miss an event in silence, and no other.

import { expect, test } from 'vitest'
import { Branch } from '../src/crash/branch.ts'
import type { StreamStory } from '../src/crash/crash-subscriber.ts'
import { judgeBranches } from '../src/crash/judge-branches.ts'
import type { Attempt, ReceivedEvent } from '../src/traffic/history.ts'

const epochs = { common: 'a', lost: 'b', since: 'c' }

/** The record at a sequence from 1 on, written by an epoch that begins anywhere. */
function record(epoch: keyof typeof epochs, sequence: number, topic = 't'): ReceivedEvent {
  const cursor = `1${epochs[epoch].repeat(18)}0-${sequence}`
  return { publisher: epoch, number: sequence, topic, cursor }
}

const before = [1, 2, 3].map((sequence) => record('common', sequence))
const lost = [4, 5].map((sequence) => record('lost', sequence))
const since = [4, 5, 6].map((sequence) => record('since', sequence))
/** A history, and the one that goes on from its backup. */
const original = new Branch(0, [...before, ...lost])
const restored = new Branch(1, [...before, ...since])

function story(branch: number, parts: Partial<StreamStory>): StreamStory {
  const events = parts.events ?? []
  const resumedFrom = parts.resumedFrom ?? ''
  return {
    branch,
    resumedFrom,
    resumed: 'exact',
    gaps: [],
    events,
    lastEventId: events.at(-1)?.cursor ?? resumedFrom,
    ...parts,
  }
}

function judge(streams: readonly StreamStory[], attempts: readonly Attempt[] = []): string[] {
  const branches = new Map([original, restored].map((branch) => [branch.number, branch]))
  const reception = { subscriber: 's', topics: ['t'], isBatched: false, streams, faults: [] }
  const { violations } = judgeBranches({ branches, attempts, receptions: [reception] })
  return violations.map(({ kind }) => kind)
}

const cursorOf = (event: ReceivedEvent | undefined): string => event?.cursor ?? ''
const first = story(0, { resumed: 'fresh', events: [...before, ...lost] })
const early = story(0, { resumed: 'fresh', events: before })
const gap = JSON.stringify({ from: cursorOf(lost[1]), to: cursorOf(before[2]), reason: 'epoch' })
const returned = { resumedFrom: cursorOf(lost[1]), resumed: 'gap', gaps: [gap], events: since }

test('a client that is told where two histories part, and gets all that came since, has missed nothing in silence', () => {
  expect(judge([first, story(1, returned)])).toEqual([])
})

test('a client whose place is in both histories has missed nothing when it is resumed exactly', () => {
  const resumedFrom = cursorOf(before[2])
  expect(judge([early, story(1, { resumedFrom, events: since })])).toEqual([])
  const falsely = { resumedFrom, resumed: 'gap', gaps: [gap], events: since }
  expect(judge([early, story(1, falsely)])).toEqual(['false-gap'])
})

test('"exact" over events that went with the lost history is silent, and so is what it leaves out', () => {
  const exact = { ...returned, resumed: 'exact', gaps: [] }
  expect(judge([first, story(1, exact)])).toEqual(['silent'])
  expect(judge([first, story(1, { ...exact, events: since.slice(2) })])).toEqual([
    'silent',
    'silent',
  ])
})

test('a gap excuses what it spans and no more', () => {
  const wide = JSON.stringify({ from: cursorOf(lost[1]), to: cursorOf(since[0]), reason: 'ahead' })
  const rest = { ...returned, gaps: [wide], events: since.slice(1) }
  expect(judge([first, story(1, rest)])).toEqual([])
  expect(judge([first, story(1, { ...rest, gaps: [gap] })])).toEqual(['silent'])
})

test('a place behind the last common event that is no event’s own may be of either history', () => {
  const resumedFrom = `1${'b'.repeat(18)}0-3`
  const beaten = { ...early, lastEventId: resumedFrom }
  const foreign = JSON.stringify({ from: resumedFrom, to: cursorOf(before[2]), reason: 'epoch' })
  const told = { resumedFrom, resumed: 'gap', gaps: [foreign], events: since }
  expect(judge([beaten, story(1, told)])).toEqual([])
  expect(judge([beaten, story(1, { resumedFrom, events: since })])).toEqual([])
  expect(judge([beaten, story(1, { ...told, gaps: [gap] })])).toEqual(['false-gap'])
})

test('a gap of another cursor than the client’s own is none of its', () => {
  const foreign = JSON.stringify({ from: cursorOf(lost[0]), to: cursorOf(before[2]) })
  expect(judge([first, story(1, { ...returned, gaps: [foreign] })])).toEqual(['silent'])
})

test('a connection cut before its first new id leaves a client where it was', () => {
  const cut = { ...returned, gaps: [], events: [] }
  expect(judge([first, story(1, cut), story(1, returned)])).toEqual([])
})

test('events out of order, twice or of the other history are told', () => {
  const resumedFrom = cursorOf(before[2])
  const [a = record('since', 4), b = a, c = a] = since
  expect(judge([early, story(1, { resumedFrom, events: [b, a, c] })])).toEqual(['order'])
  expect(judge([early, story(1, { resumedFrom, events: [a, a, b, c] })])).toEqual(['order'])
  expect(judge([early, story(1, { resumedFrom, events: [...before, ...since] })])).toEqual([
    'order',
  ])
  expect(judge([early, story(1, { resumedFrom, events: [...lost, ...since] })])).toEqual([
    'invented',
    'invented',
  ])
})

test('a client that is still behind at the end is told, and an acknowledged event that is in no history', () => {
  expect(judge([early])).toEqual(['behind'])
  const sent = { publisher: 'common', isKeyed: false, events: [{ number: 9, topic: 't' }] }
  const isAt = (receipt: string): Attempt => ({ ...sent, receipt })
  expect(judge([first], [isAt(cursorOf(record('common', 9)))])).toEqual(['lost'])
  const stored = { ...sent, events: [{ number: 2, topic: 't' }], receipt: cursorOf(before[1]) }
  expect(judge([first], [stored])).toEqual([])
})
