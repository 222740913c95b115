// The abilities that a driver's tests give the contract suite, and the bench that the suite makes of them.

import { comparePositions, parseTopic, parseTopicSet } from '@tidemark/log'
import type {
  EventLog,
  EventRecord,
  Loss,
  NewEvent,
  Position,
  Retention,
  TopicSet,
} from '@tidemark/log'
import { epochOf, makePosition, sequenceOf } from '@tidemark/log/driver'
import { afterEach } from 'vitest'

import { createFakeClock } from '../fake-clock.ts'
import type { FakeClock } from '../fake-clock.ts'

export interface OpenOptions {
  readonly clock: FakeClock
  readonly retention: Partial<Retention>
}

/** The data of a log as it was at one moment, apart from the log itself. */
export interface DataCopy {
  /** Opens it, with the same options; each call goes on where the one before left the copy. */
  open(): Promise<EventLog>
}

/** One driver under test; a new one for each test. Creating it must do nothing yet. */
export interface EventLogHarness {
  /** Opens a new, empty log. Called once per harness. */
  open(options: OpenOptions): Promise<EventLog>
  /** Another handle on the data of the open log, as another process would have it. With the same options. */
  openSecond?(): Promise<EventLog>
  /** Opens the same data again after everything was closed. With the same options. */
  reopen?(): Promise<EventLog>
  /** Copies the data of an open log, by default the first one, while it stays open. */
  readonly copy?: (of?: EventLog) => Promise<DataCopy>
  /** Resolves when retention has removed all it must by now. May let up to a minute pass on the clock. */
  flushRetention(): Promise<void>
  /** Closes what is open and removes the data. */
  dispose(): Promise<void>
}

/** A driver's open log in a test. */
export interface Bench {
  readonly log: EventLog
  readonly clock: FakeClock
  readonly harness: EventLogHarness
  /** Before the first record. */
  readonly start: Position
}

/** Opens a log for the running test; disposed of after it. */
export type OpenBench = (retention?: Partial<Retention>) => Promise<Bench>

/** Call once in a `describe`. */
export function createOpenBench(createHarness: () => EventLogHarness): OpenBench {
  const harnesses: EventLogHarness[] = []
  afterEach(async () => {
    for (const harness of harnesses.splice(0)) await harness.dispose()
  })
  return async (retention = {}) => {
    const harness = createHarness()
    harnesses.push(harness)
    const clock = createFakeClock()
    const log = await harness.open({ clock, retention })
    const { head } = await log.bounds()
    return { log, clock, harness, start: head }
  }
}

/** An event of a topic; its data is its name in the assertions. */
export function event(
  topic: string,
  data: string,
  more: { type?: string; key?: string } = {},
): NewEvent {
  return { topic: parseTopic(topic), data, ...more }
}

/** Appends each event on its own; returns their positions. */
export async function appendEach(log: EventLog, events: readonly NewEvent[]): Promise<Position[]> {
  const positions: Position[] = []
  for (const one of events) positions.push(...(await log.append({ events: [one] })))
  return positions
}

/** `count` events of a topic with the data `<prefix>1`, `<prefix>2`, … */
export function series(topic: string, prefix: string, count: number): NewEvent[] {
  return Array.from({ length: count }, (_, i) => event(topic, `${prefix}${i + 1}`))
}

export function topicSet(...names: string[]): TopicSet {
  return parseTopicSet(names)
}

export interface WholeRead {
  readonly records: readonly EventRecord[]
  readonly data: readonly string[]
  readonly losses: readonly Loss[]
  readonly next: Position
}

export interface WholeQuery {
  readonly after: Position
  readonly upTo?: Position
  readonly limit?: number
}

/** Reads page by page until the end, as a session does. */
export async function readWhole(
  log: EventLog,
  names: readonly string[],
  { after, upTo, limit = 100 }: WholeQuery,
): Promise<WholeRead> {
  const end = upTo ?? (await log.bounds()).head
  const records: EventRecord[] = []
  const losses: Loss[] = []
  let next = after
  // Every page returns a record or moves on by many; more pages than this is a reader that stands still.
  for (let pages = 0; pages < 10_000; pages++) {
    const page = await log.read({ topics: parseTopicSet(names), after: next, upTo: end, limit })
    records.push(...page.records)
    if (page.lost !== undefined) losses.push(page.lost)
    next = page.next
    if (!isBefore(next, end))
      return { records, data: records.map(({ data }) => data), losses, next }
  }
  throw new Error('Reading to the end took more than 10,000 pages.')
}

/** A position of the same history, far beyond `position`. */
export function positionAhead(position: Position): Position {
  return makePosition(epochOf(position), sequenceOf(position) + 1_000)
}

/** Both of one log. */
function isBefore(a: Position, b: Position): boolean {
  return comparePositions(a, b) < 0
}
