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
  SessionEnd,
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
  /** Undefined before it has opened. */
  trace: SessionTrace | undefined
}

/** A happening of all, and what it counts for. */
interface Kept {
  readonly trace: SessionTrace
  readonly happening: Happening
  readonly bytes: number
}

/** The reader of nearly every session. */
const plainReader: TracedReader = { asked: undefined, granted: undefined, permissions: [] }

/** One for a node, which tells it of its sessions as a `SessionFollower`. */
export class SessionTraces {
  readonly flushes: FlushTimes = new FlushTimes()
  readonly #clock: Clock
  /** Oldest first; what is before `#first` is forgotten. */
  #kept: (Kept | SessionEnd)[] = []
  #first = 0
  #bytes = 0
  /** Where level sessions stand, as far as it was told. */
  #live: Position | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A session that has closed lately. Looked for one by one: nearly nobody ever asks. */
  findClosed(id: string): SessionTrace | undefined {
    for (let i = this.#kept.length - 1; i >= this.#first; i--) {
      const kept = this.#kept[i]
      if (kept !== undefined && 'id' in kept && kept.id === id) return kept.trace
    }
    return undefined
  }

  /** Everything up to here has been flushed. */
  flushed(to: Position): void {
    this.#live = to
    this.flushes.add(to, this.#clock.now())
  }

  opened(session: TracedSession): void {
    session.trace = {
      openedAt: this.#clock.now(),
      from: session.cursor,
      topics: session.audience.topics,
      added: addedFrom(session),
      reader: readerOf(session),
      levelAt: undefined,
      levelTime: 0,
      happenings: undefined,
      forgotten: undefined,
      end: undefined,
    }
  }

  level(session: TracedSession): void {
    const { trace } = session
    if (trace === undefined) return
    if (trace.levelAt !== undefined) {
      this.#happened(session, { kind: 'level', at: session.cursor })
      return
    }
    trace.levelAt = session.cursor
    trace.levelTime = this.#clock.now()
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
    const { trace } = session
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
    const { id, trace } = session
    if (trace === undefined) return
    const at = isLevel(trace) ? this.#levelPlace(session.cursor, trace) : session.cursor
    const bytes = happeningBytes + measureEnd(id, trace)
    const time = this.#clock.now()
    trace.end = { id, reason, at, time, trace, bytes }
    this.#keep(trace.end)
  }

  #levelPlace(cursor: Position, { levelAt }: SessionTrace): Position {
    return later(later(cursor, levelAt), this.#live)
  }

  #happened({ trace }: TracedSession, happening: WithoutTime): void {
    if (trace === undefined) return
    const timed = { ...happening, time: this.#clock.now() }
    trace.happenings ??= []
    trace.happenings.push(timed)
    this.#keep({ trace, happening: timed, bytes: happeningBytes + measure(timed) })
  }

  #keep(kept: Kept | SessionEnd): void {
    this.#kept.push(kept)
    this.#bytes += kept.bytes
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
    this.#bytes -= oldest.bytes
    // Nothing leads to a session any more whose end is forgotten.
    if ('id' in oldest) return
    const { trace, happening } = oldest
    // Of each session they are forgotten in the order in which they came.
    trace.happenings?.shift()
    trace.forgotten = happening.at
    if (happening.kind === 'moved') trace.topics = happening.topics
    if (happening.kind === 'renewed') trace.reader = happening.reader
  }
}

function later(a: Position, b: Position | undefined): Position {
  return b === undefined || comparePositions(b, a) <= 0 ? a : b
}

type WithoutTime = Happening extends infer Each
  ? Each extends unknown
    ? Omit<Each, 'time'>
    : never
  : never

/** Whether it gets what is flushed now, as far as its happenings tell. */
function isLevel({ levelAt, happenings }: SessionTrace): boolean {
  const last = happenings?.findLast(({ kind }) => ['level', 'lagged', 'moved'].includes(kind))
  return last === undefined ? levelAt !== undefined : last.kind === 'level'
}

function readerOf({ owner: { asked, rights } }: TracedSession): TracedReader {
  const granted = rights?.filter
  const permissions = permissionsOf({ rights })
  const isPlain = asked === undefined && granted === undefined && permissions.length === 0
  return isPlain ? plainReader : { asked, granted, permissions }
}

function addedFrom({ added }: TracedSession): AddedFrom | undefined {
  return added?.at === undefined ? undefined : { topics: added.topics, from: added.at }
}

/** Topic sets that no session holds any more. */
function measureEnd(id: string, { topics, added }: SessionTrace): number {
  return measureTopicSet(topics) + (added ? measureTopicSet(added.topics) : 0) + id.length
}

/** The same of those that it has followed meanwhile. */
function measure(happening: Happening): number {
  if (happening.kind === 'moved') {
    const { topics, added } = happening
    return measureTopicSet(topics) + (added ? measureTopicSet(added.topics) : 0)
  }
  // Filters are shared by all that have them.
  if (happening.kind !== 'renewed') return 0
  return happening.reader.permissions.reduce((sum, name) => sum + name.length * 2 + 32, 0)
}
