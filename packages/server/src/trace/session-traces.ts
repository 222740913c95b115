// The memory of what happened to the sessions of a node lately. Written at rare points, never per delivery,
// and bounded: the oldest happenings of all sessions are forgotten first.

import { comparePositions, parseCursor } from '@tidemark/log'
import type { Clock, Position, TopicSet } from '@tidemark/log'
import { measureTopicSet } from '../fan-out/measure-topic-set.ts'
import type { Gap, TopicsReason } from '../framing/control-events.ts'
import type { LagCause } from '../observer/node-stats.ts'
import { FlushTimes } from './flush-times.ts'
import { happeningBytes, traceBytesMax } from './limits.ts'
import { permissionsOf } from '../session/session-holder.ts'
import type { SessionHolder } from '../session/session-holder.ts'
import type {
  AddedFrom,
  Happening,
  ReducedStretch,
  SessionTrace,
  TracedReader,
} from './session-trace.ts'

/** A session as far as its trace goes. */
export interface TracedSession {
  readonly id: string
  readonly cursor: Position
  readonly audience: { readonly topics: TopicSet }
  readonly added: { readonly topics: TopicSet; readonly at: Position | undefined } | undefined
  readonly owner: Pick<SessionHolder, 'asked' | 'rights'>
}

/** A happening of all, and what it counts for. */
interface Kept {
  readonly trace: SessionTrace
  readonly happening: Happening
  readonly bytes: number
}

/** One for a node, which tells it of its sessions as a `SessionFollower`. */
export class SessionTraces {
  readonly flushes: FlushTimes = new FlushTimes()
  readonly #clock: Clock
  readonly #byId = new Map<string, SessionTrace>()
  /** Oldest first; what is before `#first` is forgotten. */
  #kept: Kept[] = []
  #first = 0
  #bytes = 0
  /** Where level sessions stand, as far as it was told. */
  #live: Position | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get(id: string): SessionTrace | undefined {
    return this.#byId.get(id)
  }

  /** Everything up to here has been flushed. */
  flushed(to: Position): void {
    this.#live = to
    this.flushes.add(to, this.#clock.now())
  }

  opened(session: TracedSession): void {
    this.#byId.set(session.id, {
      id: session.id,
      openedAt: this.#clock.now(),
      from: session.cursor,
      topics: session.audience.topics,
      added: addedFrom(session),
      reader: readerOf(session),
      level: undefined,
      happenings: undefined,
      forgotten: undefined,
    })
  }

  level(session: TracedSession): void {
    const trace = this.#byId.get(session.id)
    if (trace === undefined) return
    const here = { at: session.cursor, time: this.#clock.now() }
    if (trace.level === undefined) trace.level = here
    else this.#add(trace, { kind: 'level', ...here })
  }

  lagged(session: TracedSession, cause: LagCause): void {
    this.#happened(session, { kind: 'lagged', cause, at: session.cursor })
  }

  renewed(session: TracedSession): void {
    this.#happened(session, { kind: 'renewed', reader: readerOf(session), at: session.cursor })
  }

  moved(session: TracedSession, reason: TopicsReason): void {
    const { topics } = session.audience
    const added = addedFrom(session)
    this.#happened(session, { kind: 'moved', topics, added, reason, at: session.cursor })
  }

  /** `rulesVersion`: of the rules for laggards, where they are the reason. */
  gap(session: TracedSession, { from, to, reason }: Gap, rulesVersion?: number): void {
    const trace = this.#byId.get(session.id)
    const given = from === null ? undefined : parseCursor(from)?.position
    const isBehind = given !== undefined && comparePositions(given, to) <= 0
    // With a cursor that is of no use here, the replay began there.
    if (trace !== undefined && reason !== 'retention' && reason !== 'rate') {
      const added = trace.happenings?.findLast(({ kind }) => kind === 'moved')
      if (session.added === undefined) trace.from = to
      else if (added?.kind === 'moved' && added.added !== undefined) added.added.from = to
    }
    const begin = isBehind ? given : undefined
    this.#happened(session, { kind: 'gap', from: begin, reason, rulesVersion, at: to })
  }

  /** Newer events took the place of older ones in a stretch, of which the session has got a part. */
  reduced(session: TracedSession, stretch: ReducedStretch): void {
    const at = session.cursor
    if (comparePositions(at, stretch.from) > 0)
      this.#happened(session, { kind: 'reduced', ...stretch, at })
  }

  /** Its own cursor is not where it stood, if it was level: then it stood where the node does. */
  closed(session: TracedSession, reason: string): void {
    const trace = this.#byId.get(session.id)
    if (trace === undefined) return
    const places = [session.cursor, trace.level?.at, this.#live]
    const at = (isLevel(trace) ? places.reduce(later) : undefined) ?? session.cursor
    this.#add(trace, { kind: 'closed', reason, at, time: this.#clock.now() })
  }

  #happened(session: TracedSession, happening: WithoutTime): void {
    const trace = this.#byId.get(session.id)
    if (trace !== undefined) this.#add(trace, { ...happening, time: this.#clock.now() })
  }

  #add(trace: SessionTrace, happening: Happening): void {
    trace.happenings ??= []
    trace.happenings.push(happening)
    const bytes = happeningBytes + measure(trace, happening)
    this.#kept.push({ trace, happening, bytes })
    this.#bytes += bytes
    while (this.#bytes > traceBytesMax) this.#forgetOldest()
  }

  #forgetOldest(): void {
    const oldest = this.#kept[this.#first]
    if (oldest === undefined) return
    this.#first += 1
    if (this.#first > 1_000 && this.#first * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#first)
      this.#first = 0
    }
    const { trace, happening, bytes } = oldest
    this.#bytes -= bytes
    // Of each session they are forgotten in the order in which they came.
    trace.happenings?.shift()
    trace.forgotten = happening.at
    if (happening.kind === 'moved') trace.topics = happening.topics
    if (happening.kind === 'renewed') trace.reader = happening.reader
    if (happening.kind === 'closed') this.#byId.delete(trace.id)
  }
}

function later(a: Position | undefined, b: Position | undefined): Position | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return comparePositions(a, b) < 0 ? b : a
}

type WithoutTime = Happening extends infer Each
  ? Each extends unknown
    ? Omit<Each, 'time'>
    : never
  : never

/** Whether it gets what is flushed now, as far as its happenings tell. */
function isLevel({ level, happenings = [] }: SessionTrace): boolean {
  const last = happenings.findLast(({ kind }) => ['level', 'lagged', 'moved'].includes(kind))
  return last === undefined ? level !== undefined : last.kind === 'level'
}

function readerOf({ owner: { asked, rights } }: TracedSession): TracedReader {
  return { asked, granted: rights?.filter, permissions: permissionsOf({ rights }) }
}

function addedFrom({ added }: TracedSession): AddedFrom | undefined {
  return added?.at === undefined ? undefined : { topics: added.topics, from: added.at }
}

/** Topic sets that no session holds any more. */
function measure({ topics, added, id }: SessionTrace, happening: Happening): number {
  if (happening.kind === 'closed')
    return (
      measureTopicSet(topics) +
      (added === undefined ? 0 : measureTopicSet(added.topics)) +
      id.length
    )
  if (happening.kind === 'moved')
    return (
      measureTopicSet(happening.topics) +
      (happening.added === undefined ? 0 : measureTopicSet(happening.added.topics))
    )
  // Filters are shared by all that have them.
  if (happening.kind !== 'renewed') return 0
  return happening.reader.permissions.reduce((sum, name) => sum + name.length * 2 + 32, 0)
}
