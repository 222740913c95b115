// Whether a history keeps the promise of exact resume. Pure, and knows nothing of the hub's own
// code but how to compare two cursors.

import { comparePositions, parseCursor } from '@tidemark/log'
import type {
  Attempt,
  AttemptedEvent,
  TrafficHistory,
  ReceivedEvent,
  Reception,
} from './history.ts'
import { createMatcher, matchesAny } from './matches-any.ts'

/** One way to break the promise. */
type ViolationKind =
  /** Acknowledged, published with a key, or seen by anybody, and not received. */
  | 'lost'
  /** Received and never attempted, or by somebody who did not subscribe to its topic. */
  | 'invented'
  | 'doubled'
  | 'log-order'
  | 'publishing-order'
  /** One event at two positions, or two events at one. */
  | 'position'
  | 'gap'
  /** An answer no subscriber may get. */
  | 'fault'

export interface Violation {
  readonly kind: ViolationKind
  /** Whose; `publishers` when it is nobody's in particular. */
  readonly subscriber: string
  readonly text: string
}

/** Every violation of a history that has settled: all publishers done, all subscribers level. */
export function judge(history: TrafficHistory): readonly Violation[] {
  const events = new KnownEvents(history.attempts)
  const walked = history.receptions.map((reception) => walk(reception, events))
  return [
    ...checkReceipts(history.attempts, events),
    ...history.receptions.flatMap((reception, i) => [
      ...(walked[i]?.violations ?? []),
      ...checkLogOrder(reception, events),
      ...reception.gaps.map((gap) => violation('gap', reception, `was told of a gap: ${gap}`)),
      ...reception.faults.map((fault) => violation('fault', reception, fault)),
    ]),
    ...checkPositions(history.receptions, events),
    ...checkLost(history, events, walked),
  ]
}

interface KnownEvent extends AttemptedEvent {
  readonly publisher: string
  readonly request: Attempt
  /** Where subscribers say it stands; undefined until one with an id per event has seen it. */
  cursor: string | undefined
}

/** Attempted events by publisher and number. */
class KnownEvents {
  readonly all: readonly KnownEvent[]
  readonly #byPublisher = new Map<string, Map<number, KnownEvent>>()

  constructor(attempts: readonly Attempt[]) {
    this.all = attempts.flatMap((request) =>
      request.events.map((event) => ({
        ...event,
        publisher: request.publisher,
        request,
        cursor: undefined,
      })),
    )
    for (const event of this.all) {
      const numbers = this.#byPublisher.get(event.publisher) ?? new Map<number, KnownEvent>()
      this.#byPublisher.set(event.publisher, numbers.set(event.number, event))
    }
  }

  find({ publisher, number }: { publisher: string; number: number }): KnownEvent | undefined {
    return this.#byPublisher.get(publisher)?.get(number)
  }
}

interface Walk {
  readonly seen: ReadonlySet<KnownEvent>
  readonly violations: readonly Violation[]
}

/** One subscriber's events in the order of arrival. */
function walk(reception: Reception, events: KnownEvents): Walk {
  const seen = new Set<KnownEvent>()
  const newest = new Map<string, number>()
  const violations: Violation[] = []
  for (const received of reception.events) {
    const event = events.find(received)
    if (event === undefined || event.topic !== received.topic) {
      violations.push(violation('invented', reception, `got ${name(received)}, never attempted`))
      continue
    }
    if (!matchesAny(reception.topics, event.topic)) {
      violations.push(violation('invented', reception, `got ${name(received)}, not of its topics`))
    }
    if (seen.has(event)) {
      violations.push(violation('doubled', reception, `got ${name(received)} more than once`))
      continue
    }
    seen.add(event)
    const before = newest.get(event.publisher) ?? -1
    if (event.number < before) {
      violations.push(
        violation('publishing-order', reception, `got ${name(received)} after number ${before}`),
      )
    }
    newest.set(event.publisher, Math.max(before, event.number))
    if (!reception.isBatched) event.cursor ??= received.cursor
  }
  return { seen, violations }
}

/** Ids must rise; inside a batch, which shows one id for many events, the positions others have seen must. */
function checkLogOrder(reception: Reception, events: KnownEvents): Violation[] {
  const violations: Violation[] = []
  let last: string | undefined
  for (const received of reception.events) {
    const cursor = reception.isBatched ? events.find(received)?.cursor : received.cursor
    if (cursor === undefined) continue
    if (last !== undefined && !isAfter(cursor, last)) {
      violations.push(
        violation('log-order', reception, `got ${name(received)} at ${cursor} after ${last}`),
      )
    }
    if (reception.isBatched && isAfter(cursor, received.cursor)) {
      violations.push(
        violation('log-order', reception, `got ${name(received)} under the id ${received.cursor}`),
      )
    }
    last = cursor
  }
  return violations
}

/** A receipt names the position of the request's last event, also when it was given to a repetition. */
function checkReceipts(attempts: readonly Attempt[], events: KnownEvents): Violation[] {
  const violations: Violation[] = []
  for (const { publisher, events: sent, receipt } of attempts) {
    const last = sent.at(-1)
    if (last === undefined || receipt === undefined) continue
    const cursor = events.find({ publisher, number: last.number })?.cursor
    if (cursor === undefined || cursor === receipt) continue
    violations.push({
      kind: 'position',
      subscriber: 'publishers',
      text: `${publisher} has ${receipt} as receipt of number ${last.number}, delivered as ${cursor}`,
    })
  }
  return violations
}

function checkPositions(receptions: readonly Reception[], events: KnownEvents): Violation[] {
  const violations: Violation[] = []
  const owners = new Map<string, KnownEvent>()
  for (const event of events.all) {
    if (event.cursor === undefined) continue
    const owner = owners.get(event.cursor)
    if (owner === undefined) {
      owners.set(event.cursor, event)
      continue
    }
    violations.push({
      kind: 'position',
      subscriber: 'publishers',
      text: `${name(owner)} and ${name(event)} are both at ${event.cursor}`,
    })
  }
  for (const reception of receptions) {
    if (reception.isBatched) continue
    for (const received of reception.events) {
      const cursor = events.find(received)?.cursor
      if (cursor === undefined || cursor === received.cursor) continue
      const text = `got ${name(received)} at ${received.cursor}; others at ${cursor}`
      violations.push(violation('position', reception, text))
    }
  }
  return violations
}

/**
 * Due are the events that were acknowledged, those repeated until they were, and those that anybody
 * has seen. All events of a request are due together: the log has a request in whole, and for
 * everybody.
 */
function checkLost(
  history: TrafficHistory,
  events: KnownEvents,
  walked: readonly Walk[],
): Violation[] {
  const seen = new Set(walked.flatMap((each) => [...each.seen].map((event) => event.request)))
  const due = events.all.filter(
    ({ request }) => request.isKeyed || request.receipt !== undefined || seen.has(request),
  )
  return history.receptions.flatMap((reception, i) => {
    const isItsTopic = createMatcher(reception.topics)
    return due
      .filter((event) => isItsTopic(event.topic) && walked[i]?.seen.has(event) === false)
      .map((event) => violation('lost', reception, `never got ${name(event)}, ${why(event)}`))
  })
}

function why({ request }: KnownEvent): string {
  if (request.receipt !== undefined) return `acknowledged as ${request.receipt}`
  return request.isKeyed ? 'published with a key' : 'though its request was stored'
}

function name(event: Omit<ReceivedEvent, 'cursor'>): string {
  return `${event.publisher} number ${event.number} (${event.topic})`
}

function violation(kind: ViolationKind, { subscriber }: Reception, text: string): Violation {
  return { kind, subscriber, text }
}

function isAfter(cursor: string, other: string): boolean {
  const a = parseCursor(cursor)?.position
  const b = parseCursor(other)?.position
  return a !== undefined && b !== undefined && comparePositions(a, b) > 0
}
