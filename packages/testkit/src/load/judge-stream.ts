// Whether what one subscriber got is what the log holds for it. Pure, and knows nothing of the
// hub's own code but how to compare two cursors.

import { comparePositions, parseCursor } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import { createMatcher } from '../traffic/matches-any.ts'
import { nameEvent } from './event-book.ts'
import type { BookedEvent } from './event-book.ts'
import { violationsToldMax } from './limits.ts'

/** The treatment of events for a session that lags. */
export type LagRule = 'delay' | 'conflate' | 'drop' | 'disconnect'

/** Everything one subscriber got, over all its connections, in order. */
export interface StreamReception {
  readonly topics: readonly string[]
  /** Where it began: everything after that is due. Undefined: at the beginning. */
  readonly start: Position | undefined
  /** How far it has come: what is after that is not due yet. Undefined: to the end. */
  readonly end: Position | undefined
  readonly received: readonly BookedEvent[]
  readonly gaps: readonly ToldGap[]
  /**
   * Whether its session may have lagged. The rules are for laggards only: everybody else gets
   * everything, whatever the rule.
   */
  readonly canLag: boolean
}

/** The data of a `tidemark.gap`. */
export interface ToldGap {
  readonly from: string | null
  readonly to: string
  readonly reason: string
}

/** The whole log in its order; each event's `index` is its place, its `cursor` is known. */
export interface JudgedLog {
  readonly events: readonly BookedEvent[]
  ruleOf(topic: string): LagRule
}

export interface StreamVerdict {
  /** One sentence each with the events around it; at most 3, and how many more. */
  readonly violations: readonly string[]
  /** Events that the rules for laggards have left out. */
  readonly spared: number
}

/** Every violation of one subscriber's stream. */
export function judgeStream(reception: StreamReception, log: JudgedLog): StreamVerdict {
  const walk = new Walk(reception, listDue(reception, log), log)
  const violations = walk.run()
  const more = violations.length - violationsToldMax
  const told = violations.slice(0, violationsToldMax)
  return {
    violations: more > 0 ? [...told, `and ${more} more violations`] : told,
    spared: walk.spared,
  }
}

/** The events a subscriber must get. */
function listDue(
  { topics, start, end }: StreamReception,
  { events }: JudgedLog,
): readonly BookedEvent[] {
  const isItsTopic = createMatcher(topics)
  const isReached = (cursor: string | undefined): boolean =>
    end === undefined || !isAfter(cursor, end)
  return events.filter(
    ({ topic, cursor }) => isItsTopic(topic) && isAfter(cursor, start) && isReached(cursor),
  )
}

/** One subscriber's events in the order of arrival, held against those that are due. */
class Walk {
  spared = 0
  readonly #reception: StreamReception
  readonly #due: readonly BookedEvent[]
  readonly #log: JudgedLog
  /** Place among the due by place in the log. */
  readonly #rankOf: Map<BookedEvent, number>
  readonly #newestOfKey = new Map<string, number>()
  readonly #violations: string[] = []

  constructor(reception: StreamReception, due: readonly BookedEvent[], log: JudgedLog) {
    this.#reception = reception
    this.#due = due
    this.#log = log
    this.#rankOf = new Map(due.map((event, rank) => [event, rank]))
    for (const event of reception.received) {
      const name = keyName(event)
      this.#newestOfKey.set(name, Math.max(event.index, this.#newestOfKey.get(name) ?? -1))
    }
  }

  run(): readonly string[] {
    const { received } = this.#reception
    const seen = new Set<BookedEvent>()
    let next = 0
    for (const [at, event] of received.entries()) {
      const rank = this.#rankOf.get(event)
      if (rank === undefined) this.#blame('got what is not due', { event, at, rank: next })
      else if (seen.has(event)) this.#blame('got twice', { event, at, rank })
      else if (rank < next) this.#blame('got too late', { event, at, rank })
      else {
        this.#skip({ from: next, to: rank, at })
        next = rank + 1
      }
      seen.add(event)
    }
    this.#skip({ from: next, to: this.#due.length, at: received.length })
    this.#checkGaps(seen)
    return this.#violations
  }

  /** Events that did not arrive before a later one did. */
  #skip({ from, to, at }: { from: number; to: number; at: number }): void {
    for (let rank = from; rank < to; rank++) {
      const event = this.#due[rank]
      if (event === undefined) continue
      if (this.#isExcused(event)) this.spared += 1
      else this.#blame('never got', { event, at, rank })
    }
  }

  #isExcused(event: BookedEvent): boolean {
    if (!this.#reception.canLag) return false
    const rule = this.#log.ruleOf(event.topic)
    if (rule === 'conflate') {
      return (this.#newestOfKey.get(keyName(event)) ?? -1) > event.index
    }
    return rule === 'drop' && this.#reception.gaps.some((gap) => covers(gap, event))
  }

  /** A gap must be allowed, and be about something. */
  #checkGaps(seen: ReadonlySet<BookedEvent>): void {
    const { gaps, canLag } = this.#reception
    for (const gap of gaps) {
      const missing = this.#due.filter((event) => !seen.has(event) && covers(gap, event))
      const isAllowed =
        canLag &&
        missing.length > 0 &&
        missing.every(({ topic }) => this.#log.ruleOf(topic) === 'drop')
      if (!isAllowed)
        this.#violations.push(`was told of a gap without need: ${JSON.stringify(gap)}`)
    }
  }

  #blame(
    what: string,
    { event, at, rank }: { event: BookedEvent; at: number; rank: number },
  ): void {
    const expected = around(this.#due, rank)
    const got = around(this.#reception.received, at)
    this.#violations.push(
      `${what}: ${nameEvent(event)} at ${event.cursor ?? 'no known place'}; expected ${expected}; got ${got}`,
    )
  }
}

function covers({ from, to, reason }: ToldGap, { cursor }: BookedEvent): boolean {
  if (reason !== 'rate' || from === null) return false
  return isAfter(cursor, parseCursor(from)?.position) && !isAfter(cursor, parseCursor(to)?.position)
}

/** A few events and the one that matters. */
function around(events: readonly BookedEvent[], at: number): string {
  const from = Math.max(0, at - 3)
  const names = events.slice(from, at + 3).map((event, i) => {
    const name = `${nameEvent(event)} @${event.index}`
    return from + i === at ? `[${name}]` : name
  })
  const isCut = at + 3 < events.length
  return `${from > 0 ? '… ' : ''}${names.join(', ')}${isCut ? ' …' : ''}${at >= events.length ? ' [end]' : ''}`
}

function keyName({ topic, key }: BookedEvent): string {
  return `${topic}\n${key ?? ''}`
}

function isAfter(cursor: string | undefined, other: Position | undefined): boolean {
  if (other === undefined) return true
  const position = parseCursor(cursor ?? '')?.position
  return position !== undefined && comparePositions(position, other) > 0
}
