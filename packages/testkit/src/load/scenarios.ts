// The load tests, each by the words that end the sentence "nothing is lost, doubled or out of order
// …". The least that must have happened is for the shortest of runs, under a second with half of
// the crowd.

import { allShapes, bulkSets, smallSets } from './plan.ts'
import type { Group } from './plan.ts'
import type { Scenario } from './scenario.ts'
import { startLibrary } from './start-library.ts'

/** Some hundred subscribers of every habit. */
const everybody: readonly Group[] = [
  { count: 140, topicSets: smallSets, habits: ['steady'] },
  { count: 100, topicSets: smallSets, habits: ['cut'] },
  { count: 10, topicSets: bulkSets, habits: ['pausing'] },
  { count: 4, topicSets: bulkSets, habits: ['trickling'] },
  { count: 6, topicSets: bulkSets, habits: ['cut', 'steady'] },
  { count: 4, topicSets: bulkSets, habits: ['never'] },
]

/** 3,000 events per second to some 250 subscribers are about 100,000 deliveries per second. */
const usual = { crowd: everybody, publishers: 8, eventsPerSecond: 3_000 } as const

const atLeast = { received: 15_000, reconnects: 50, lags: 2, retries: 3 } as const

/** Windows in which records are gathered before a flush. */
const flushes: readonly Scenario[] = [
  { ...usual, name: 'with the flush window that adapts', atLeast },
  { ...usual, name: 'without a flush window', args: ['--flush-window=0ms'], atLeast },
  { ...usual, name: 'with a flush window of 50 ms', args: ['--flush-window=50ms'], atLeast },
  {
    ...usual,
    name: 'when flushes come early, at 3 events or 2 KB',
    args: ['--flush-window=50ms', '--flush-events=3', '--flush-bytes=2KB'],
    atLeast,
  },
]

const framings: Scenario = {
  ...usual,
  name: 'in any framing of a large crowd that comes and goes',
  crowd: [
    ...allShapes.map((shape): Group => {
      return { count: 60, topicSets: smallSets, shapes: [shape], habits: ['cut'] }
    }),
    ...allShapes.map((shape): Group => {
      return { count: 60, topicSets: smallSets, shapes: [shape], habits: ['steady'] }
    }),
    ...allShapes.map((shape): Group => {
      return { count: 2, topicSets: [['**']], shapes: [shape], habits: ['cut', 'steady'] }
    }),
  ],
  atLeast: { received: 20_000, reconnects: 100 },
}

const laggards: Scenario = {
  ...usual,
  name: 'for readers that stand still, crawl or never read, and those beside them',
  crowd: [
    { count: 25, topicSets: bulkSets, habits: ['pausing'] },
    { count: 10, topicSets: bulkSets, habits: ['trickling'] },
    { count: 40, topicSets: bulkSets, habits: ['never'] },
    { count: 60, topicSets: smallSets, habits: ['steady', 'cut'] },
  ],
  atLeast: { received: 10_000, lags: 5 },
}

/** Some who cannot keep up, beside some who can, for whom the rules must not exist. */
const unequal: readonly Group[] = [
  { count: 20, topicSets: bulkSets, habits: ['pausing'] },
  { count: 6, topicSets: bulkSets, habits: ['trickling'] },
  { count: 6, topicSets: bulkSets, habits: ['never'] },
  { count: 6, topicSets: bulkSets, habits: ['steady'] },
  { count: 60, topicSets: smallSets, habits: ['steady', 'cut'] },
]

const rules: readonly Scenario[] = [
  {
    ...usual,
    name: 'but what a newer value of its key supersedes, under conflate',
    crowd: unequal,
    rules: [{ pattern: '**', whenLagging: 'conflate' }],
    atLeast: { received: 8_000, lags: 3, spared: 100 },
  },
  {
    ...usual,
    name: 'but what a gap tells of, under drop',
    crowd: unequal,
    rules: [{ pattern: '**', whenLagging: 'drop' }],
    atLeast: { received: 8_000, lags: 3, spared: 100, gaps: 3 },
  },
  {
    ...usual,
    name: 'for laggards who are sent away and come back, under disconnect',
    crowd: unequal,
    rules: [{ pattern: '**', whenLagging: 'disconnect' }],
    byeReasons: ['lagging'],
    atLeast: { received: 8_000, lags: 3, byes: 2 },
  },
  {
    ...usual,
    name: 'but what is superseded, with 20 events per second for each',
    crowd: [{ count: 150, topicSets: smallSets, habits: ['steady'] }],
    rules: [{ pattern: '**', whenLagging: 'conflate' }],
    eventsPerSecondMax: 20,
    atLeast: { received: 2_000, spared: 2_000 },
  },
]

const either: readonly boolean[] = [true, false]

const compression: Scenario = {
  ...usual,
  name: 'with and without compression in one audience',
  crowd: [
    { count: 140, topicSets: smallSets, habits: ['steady', 'cut'], isCompressed: either },
    { count: 12, topicSets: bulkSets, habits: ['steady', 'cut'], isCompressed: either },
    { count: 4, topicSets: smallSets, habits: ['steady'], doors: ['curl'], isCompressed: [true] },
    { count: 10, topicSets: bulkSets, habits: ['pausing', 'never'], isCompressed: either },
  ],
  atLeast: { received: 10_000, reconnects: 50, compressed: 50 },
}

const curl: Scenario = {
  ...usual,
  name: 'for curl -N',
  eventsPerSecond: 1_500,
  crowd: [
    { count: 24, topicSets: [...smallSets, ['**']], habits: ['steady', 'cut'], doors: ['curl'] },
  ],
  atLeast: { received: 500, reconnects: 2 },
}

const fetchDoor: Scenario = {
  ...usual,
  name: 'through the Fetch door, compressed and not, pulled as slowly as its readers read',
  startHost: startLibrary,
  crowd: [
    { count: 80, topicSets: smallSets, habits: ['steady', 'cut'], isCompressed: either },
    { count: 6, topicSets: bulkSets, habits: ['steady', 'cut'], isCompressed: either },
    { count: 6, topicSets: bulkSets, habits: ['pausing'], isCompressed: either },
    { count: 4, topicSets: bulkSets, habits: ['never'] },
  ],
  atLeast: { received: 3_000, reconnects: 5, lags: 1, compressed: 20 },
}

const tls: Scenario = {
  ...usual,
  name: 'over HTTP/2 and HTTP/1.1 with TLS, beside peers that never open their window',
  isTls: true,
  crowd: [
    { count: 80, topicSets: smallSets, habits: ['steady', 'cut'], doors: ['http2'] },
    { count: 30, topicSets: smallSets, habits: ['steady', 'cut'], isCompressed: either },
    { count: 6, topicSets: smallSets, habits: ['steady', 'cut'], doors: ['curl'] },
    { count: 6, topicSets: bulkSets, habits: ['steady', 'cut'], doors: ['http2'] },
    { count: 6, topicSets: bulkSets, habits: ['pausing'], doors: ['http2'] },
    { count: 20, topicSets: bulkSets, habits: ['never'], doors: ['http2-shut'] },
  ],
  atLeast: { received: 5_000, reconnects: 5, lags: 1 },
}

/**
 * 5,000 events of 24 KB are 120 MB per second, of which nothing may be held for readers that never
 * read. Measured at 84 to 120 MB: the hub grows by 110 to 200 MB, garbage for the most part. It
 * grows by 450 MB when it holds its blocks. It grows by 1,200 MB when it writes on to sockets that
 * take nothing. Beside another file of tests its garbage waits longer: 330 MB.
 */
const flood = {
  publishers: 8,
  eventsPerSecond: 5_000,
  bulkShare: 1,
  memoryGrowthMax: 380e6,
} as const

const swimmers: Group = { count: 3, topicSets: [['bulk/*']], habits: ['steady'] }

const stalled: readonly Scenario[] = [
  {
    ...flood,
    name: 'while 100 clients never read, nor does memory grow with them',
    crowd: [{ count: 100, topicSets: [['bulk/*']], habits: ['never'] }, swimmers],
    atLeast: { received: 2_000 },
  },
  {
    ...flood,
    name: 'while 100 HTTP/2 streams never open their window, nor does memory grow with them',
    isTls: true,
    crowd: [
      { count: 100, topicSets: [['bulk/*']], habits: ['never'], doors: ['http2-shut'] },
      swimmers,
    ],
    atLeast: { received: 2_000 },
  },
]

const workersCrowd: readonly Group[] = [
  { count: 120, topicSets: smallSets, habits: ['steady', 'cut'] },
  { count: 60, topicSets: [['bulk/*']], shapes: ['plain'], habits: ['steady'] },
  { count: 6, topicSets: bulkSets, habits: ['pausing'] },
  { count: 20, topicSets: smallSets, habits: ['steady', 'cut'], isCompressed: [true] },
]

const workers: readonly Scenario[] = [
  {
    ...usual,
    name: 'when workers are killed at random moments',
    crowd: workersCrowd,
    args: ['--workers=2'],
    kills: 'random',
    atLeast: { received: 20_000, reconnects: 50, kills: 1 },
  },
  {
    ...usual,
    name: 'when workers are killed in the middle of a flush',
    crowd: workersCrowd,
    // Blocks of about a megabyte for dozens of sessions: a flush takes tens of milliseconds.
    args: ['--workers=2', '--flush-window=100ms', '--flush-events=10000', '--flush-bytes=8MiB'],
    kills: 'mid-flush',
    atLeast: { received: 20_000, reconnects: 50, kills: 1 },
  },
]

/** A few thousand deliveries per second to audiences of one session each. */
const moving = { publishers: 6, eventsPerSecond: 400, bulkShare: 0 } as const
const changing = { topicSets: smallSets, habits: ['changing'] } as const

const changes: readonly Scenario[] = [
  {
    ...moving,
    name: 'while the topics of open streams change at every door of two workers that are killed',
    isTls: true,
    args: ['--workers=2'],
    kills: 'random',
    crowd: [
      { count: 180, ...changing },
      { count: 100, ...changing, isCompressed: [true] },
      { count: 200, ...changing, doors: ['http2'], isCompressed: either },
      { count: 20, ...changing, doors: ['curl'] },
    ],
    atLeast: { received: 2_000, reconnects: 50, changes: 200, kills: 1 },
  },
  {
    ...moving,
    name: 'while the topics of open streams change without TLS, at two workers that are killed',
    args: ['--workers=2'],
    kills: 'random',
    crowd: [
      { count: 80, ...changing, isCompressed: either },
      { count: 10, ...changing, doors: ['curl'], isCompressed: either },
    ],
    atLeast: { received: 1_000, reconnects: 10, changes: 50, kills: 1 },
  },
  {
    ...moving,
    name: 'while the topics of open streams change at the Fetch door',
    startHost: startLibrary,
    crowd: [{ count: 80, ...changing, isCompressed: either }],
    atLeast: { received: 1_000, reconnects: 10, changes: 50 },
  },
]

/** Every load test. */
export const loadScenarios: readonly Scenario[] = [
  ...flushes,
  framings,
  laggards,
  ...rules,
  compression,
  curl,
  fetchDoor,
  tls,
  ...stalled,
  ...workers,
  ...changes,
]
