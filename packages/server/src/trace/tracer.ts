// Says what became of an event for a session of this node.

import { formatCursor, parseCursor } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import { quoteValue } from '@tidemark/wire/values'
import type { LagRules } from '../catch-up/lag-rules.ts'
import { sessionNotFound } from '../control/session-not-found.ts'
import { ServerError } from '../errors.ts'
import type { FanOut } from '../fan-out/fan-out.ts'
import type { NodeSettings } from '../node-settings.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import type { SessionRegistry } from '../session/session-registry.ts'
import { findEvent } from './find-event.ts'
import type { Trace, TraceQuestion } from './trace.ts'
import { rules } from './verdicts.ts'
import type { Facts } from './verdicts.ts'

export interface TracerHost {
  readonly sessions: SessionRegistry
  readonly lagRules: LagRules
  readonly start: () => Promise<FanOut>
}

export class Tracer {
  readonly #settings: NodeSettings
  readonly #host: TracerHost

  constructor(settings: NodeSettings, host: TracerHost) {
    this.#settings = settings
    this.#host = host
  }

  /** @throws ServerError `SESSION_NOT_FOUND`, `QUERY_INVALID`, `LOG_UNAVAILABLE` */
  async trace({ event, session: id }: TraceQuestion): Promise<Trace> {
    const position = readEvent(event)
    const { log, watch, clock } = this.#settings
    const { sessions, lagRules, start } = this.#host
    const fanOut = await start()
    const found = await findEvent(position, { log, recent: fanOut.recent }).catch(wrapLogError)
    // From here on in one turn, so that the answer is of one moment.
    const session = sessions.get(id)
    const trace = session?.trace ?? watch.traces.findClosed(id)
    if (trace === undefined) throw sessionNotFound(id)
    const facts: Facts = {
      ...found,
      position,
      trace,
      session,
      live: fanOut.position,
      now: clock.now(),
      flushes: watch.traces.flushes,
      log,
      lagRules,
    }
    const { end } = trace
    const cursor = session?.cursor ?? end?.at ?? trace.from
    for (const rule of rules) {
      const verdict = await rule(facts)
      if (verdict === undefined) continue
      return {
        event: formatCursor(position),
        session: id,
        ...verdict,
        ...describe(facts),
        cursor: formatCursor(cursor),
        openedAt: trace.openedAt,
        ...(end === undefined ? {} : { closed: { time: end.time, reason: end.reason } }),
      }
    }
    throw sessionNotFound(id)
  }
}

function describe({ record }: Facts): Pick<Trace, 'record'> {
  if (record === undefined) return {}
  const { topic, type, key, time } = record
  return { record: { topic, type, ...(key === undefined ? {} : { key }), time } }
}

/** @throws ServerError `QUERY_INVALID` */
export function readEvent(text: string): Position {
  const cursor = typeof text === 'string' ? parseCursor(text) : undefined
  if (cursor !== undefined) return cursor.position
  throw new ServerError(
    'QUERY_INVALID',
    `event must be the cursor of an event, such as its id or a receipt's cursor; got ${quoteValue(text)}.`,
  )
}
