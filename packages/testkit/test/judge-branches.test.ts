// The judge of parted histories must see each way to miss an event in silence, and no other.

import { expect, test } from 'vitest'
import { Branch } from '../src/crash/branch.ts'
import type { StreamStory } from '../src/crash/crash-subscriber.ts'
import { judgeBranches } from '../src/crash/judge-branches.ts'
import type { BranchVerdict } from '../src/crash/judge-branches.ts'
import type { Attempt, ReceivedEvent } from '../src/traffic/history.ts'

const letters = {
  common: 'a',
  lost: 'b',
  since: 'c',
  copied: 'd',
  again: 'e',
  own: 'f',
  beside: 'g',
}
type EpochName = keyof typeof letters

const epochOf = (name: EpochName): string => `${letters[name].repeat(15)}1000`

/** Epochs may begin anywhere, but not behind their records. */
const cursorAt = (epoch: EpochName, sequence: number): string =>
  `1${epochOf(epoch)}-${(36 ** 4 + sequence).toString(36)}`

/** The record at a sequence from 1 on. */
function record(epoch: EpochName, sequence: number, topic = 't'): ReceivedEvent {
  return { publisher: epoch, number: sequence, topic, cursor: cursorAt(epoch, sequence) }
}

const before = [1, 2, 3].map((sequence) => record('common', sequence))
const lost = [4, 5].map((sequence) => record('lost', sequence))
const since = [4, 5, 6].map((sequence) => record('since', sequence))
/** A history, and the one that goes on from its backup. */
const original = new Branch(0, [...before, ...lost])
const restored = new Branch(1, [...before, ...since])
/** A copy of that one, and a copy of this copy. */
const copied = [...since.slice(0, 1), record('copied', 5)]
const copy = new Branch(2, [...before, ...copied])
const again = record('again', 6)
const copyOfCopy = new Branch(3, [...before, ...copied, again])
const tree = [original, restored, copy, copyOfCopy]

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

function judgeAll(
  streams: readonly StreamStory[],
  { attempts = [], histories = tree }: { attempts?: Attempt[]; histories?: Branch[] } = {},
): BranchVerdict {
  const branches = new Map(histories.map((branch) => [branch.number, branch]))
  const reception = { subscriber: 's', topics: ['t'], isBatched: false, streams, faults: [] }
  return judgeBranches({ branches, attempts, receptions: [reception] })
}

function judge(streams: readonly StreamStory[], attempts: Attempt[] = []): string[] {
  return judgeAll(streams, { attempts }).violations.map(({ kind }) => kind)
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

/**
 * A client that has had all of one history comes to another one, and is told of a gap up to a place
 * in it.
 */
function goOver(
  from: Branch,
  to: Branch,
  place: ReceivedEvent | undefined,
): readonly StreamStory[] {
  const resumedFrom = cursorOf(from.records.at(-1))
  const gaps = [JSON.stringify({ from: resumedFrom, to: cursorOf(place), reason: 'epoch' })]
  const events = to.records.slice(place === undefined ? 0 : to.records.indexOf(place) + 1)
  const lastEventId = cursorOf(to.records.at(-1))
  return [
    story(from.number, { resumed: 'fresh', events: from.records.slice() }),
    story(to.number, { resumedFrom, resumed: 'gap', gaps, events, lastEventId }),
  ]
}

const kindsOf = ({ violations }: BranchVerdict): string[] => violations.map(({ kind }) => kind)

test('a gap that ends behind the parting keeps events from the client, whatever it says, and up to the head all of them', () => {
  for (const place of since) {
    expect(kindsOf(judgeAll(goOver(original, restored, place)))).toEqual(['late-gap'])
  }
  expect(kindsOf(judgeAll(goOver(copyOfCopy, restored, since[1])))).toEqual(['late-gap'])
  expect(kindsOf(judgeAll(goOver(copyOfCopy, restored, since[0])))).toEqual([])
})

test('a late gap tells of the events it keeps, and of no others', () => {
  const wide = JSON.stringify({ from: cursorOf(lost[1]), to: cursorOf(since[0]), reason: 'epoch' })
  const rest = { ...returned, gaps: [wide], events: since.slice(2) }
  expect(judge([first, story(1, rest)])).toEqual(['late-gap', 'silent'])
})

test('a gap that ends before the parting sends a client back further than need be', () => {
  expect(kindsOf(judgeAll(goOver(original, restored, before[1])))).toEqual(['early-gap'])
  expect(kindsOf(judgeAll(goOver(original, restored, undefined)))).toEqual(['early-gap'])
  expect(kindsOf(judgeAll(goOver(restored, original, before[0])))).toEqual(['early-gap'])
})

test('a history that was copied from a copy knows of the others that were', () => {
  // History 1 was started once more before it was copied the second time.
  const later = record('own', 5)
  const source = new Branch(1, [...before, ...since.slice(0, 1), later])
  const second = new Branch(2, [...source.records, record('copied', 6)])
  const beside = new Branch(3, [...source.records.slice(0, 4), record('beside', 5)])
  const histories = [original, source, second, beside]
  const go = (place: ReceivedEvent | undefined): BranchVerdict =>
    judgeAll(goOver(second, beside, place), { histories })
  expect(kindsOf(go(before[0]))).toEqual(['early-gap'])
  expect(go(before[0]).early).toBe(1)
  expect(kindsOf(go(since[0]))).toEqual([])
})

test('of a copy of a copy that a history cannot know it may tell too much, but never too little', () => {
  const verdict = judgeAll(goOver(copyOfCopy, original, undefined))
  expect(kindsOf(verdict)).toEqual([])
  expect(verdict.early).toBe(1)
  expect(kindsOf(judgeAll(goOver(copyOfCopy, original, lost[0])))).toEqual(['late-gap'])
  const exact = judgeAll(goOver(copyOfCopy, original, before[2]))
  expect(kindsOf(exact)).toEqual([])
  expect(exact.early).toBe(0)
})

test('the epoch that a copy was taken in may be one that wrote for the hub’s own topics alone', () => {
  const epochs = (names: readonly EpochName[]): string[] => names.map(epochOf)
  const copied = [...before, record('copied', 4)]
  // History 1 wrote nothing but such records before it was copied: a history without them knows
  // nothing of the copy.
  const quiet = new Branch(1, before, epochs(['common', 'own']))
  const loud = new Branch(2, copied, epochs(['common', 'own', 'copied']))
  const others = [...before, record('beside', 4)]
  const unaware = new Branch(3, others)
  const aware = new Branch(3, others, epochs(['common', 'own', 'beside']))
  const go = (to: Branch): string[] =>
    kindsOf(judgeAll(goOver(loud, to, before[0]), { histories: [original, quiet, loud, to] }))
  expect(go(unaware)).toEqual([])
  expect(go(aware)).toEqual(['early-gap'])
})

test('a client cut behind "ready" or behind its gap, and told again, is told rightly both times', () => {
  const [, told = first] = goOver(original, restored, before[2])
  const to = cursorOf(before[2])
  const behindReady = { ...told, gaps: [], events: [], lastEventId: told.resumedFrom }
  const behindGap = { ...told, events: [], lastEventId: to }
  const goesOn = story(1, { resumedFrom: to, events: since })
  expect(judge([first, behindReady, told])).toEqual([])
  expect(judge([first, behindReady, behindReady, behindGap, goesOn])).toEqual([])
  expect(judge([first, behindGap, story(2, { resumedFrom: to, events: copied })])).toEqual([])
})

test('events from before the place that a gap ends at are out of order', () => {
  const [, told = first] = goOver(original, restored, before[2])
  const events = [...before.slice(2), ...since]
  expect(judge([first, { ...told, events }])).toEqual(['order'])
})

test('a place behind the last common event that is no event’s own may be of either history', () => {
  const resumedFrom = cursorAt('lost', 3)
  const beaten = { ...early, lastEventId: resumedFrom }
  const foreign = JSON.stringify({ from: resumedFrom, to: cursorOf(before[2]), reason: 'epoch' })
  const told = { resumedFrom, resumed: 'gap', gaps: [foreign], events: since }
  expect(judge([beaten, story(1, told)])).toEqual([])
  expect(judge([beaten, story(1, { resumedFrom, events: since })])).toEqual([])
  expect(judge([beaten, story(1, { ...told, gaps: [gap] })])).toEqual(['false-gap'])
  const late = JSON.stringify({ from: resumedFrom, to: cursorOf(since[0]), reason: 'epoch' })
  expect(judge([beaten, story(1, { ...told, gaps: [late], events: since.slice(1) })])).toEqual([
    'late-gap',
  ])
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
