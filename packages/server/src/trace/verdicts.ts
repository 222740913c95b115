// The rules by which a verdict is found: the first that has something to say decides.

import { comparePositions, formatCursor, matchesPattern } from '@tidemark/log'
import type { EventLog, Position, Topic, TopicSet } from '@tidemark/log'
import type { LagRules } from '../catch-up/lag-rules.ts'
import type { Session } from '../session/session.ts'
import { findSuccessor } from './find-event.ts'
import type { FoundEvent } from './find-event.ts'
import type { FlushTimes } from './flush-times.ts'
import type { Happening, SessionTrace, TracedReader } from './session-trace.ts'
import type { Verdict } from './trace.ts'

/** All that rules look at. */
export interface Facts extends FoundEvent {
  readonly position: Position
  readonly trace: SessionTrace
  /** Undefined: it has closed. */
  readonly session: Session | undefined
  /** Where the node's level sessions stand. */
  readonly live: Position
  readonly now: number
  readonly flushes: FlushTimes
  readonly log: EventLog
  readonly lagRules: Pick<LagRules, 'actionFor' | 'version'>
}

type Rule = (facts: Facts) => Verdict | undefined | Promise<Verdict | undefined>

/** In order. */
export const rules: readonly Rule[] = [
  notYetHere,
  gone,
  beforeSession,
  forgotten,
  notMatched,
  beyondGrant,
  filtered,
  afterEnd,
  behind,
  dropped,
  conflated,
  delivered,
]

function isUpTo(position: Position, to: Position): boolean {
  return comparePositions(position, to) <= 0
}

function notYetHere({ position, live, lost }: Facts): Verdict | undefined {
  if (lost !== 'ahead' && isUpTo(position, live)) return undefined
  return {
    verdict: 'not-yet',
    why: `The node of the session has come to ${formatCursor(live)}, which is before the event. Ask again; if it stays, the node does not follow its log.`,
  }
}

/** Of an event that is gone not even the topic is known. */
function gone({ record, lost, position, trace }: Facts): Verdict | undefined {
  if (record !== undefined) return undefined
  const gap = findGap(trace, position)
  if (gap !== undefined && gap.kind === 'gap') {
    return {
      verdict: 'gap',
      why: `The client was told that events up to ${formatCursor(gap.at)} may be missing (${gap.reason}), and the log has this one no more.`,
    }
  }
  const isBefore = isUpTo(position, trace.from)
  const then = isBefore
    ? 'The session began behind it.'
    : 'If it was of a topic of the session, the session may have got it before.'
  if (lost === undefined) {
    return {
      verdict: 'replaced',
      why: `The log has no event there any more, and counts none as lost: a newer event of its key took its place, or its time was over. ${then}`,
    }
  }
  return {
    verdict: 'removed',
    why: `The log has this event no more (${lost === 'retention' ? 'retention removed it' : 'another history wrote it'}). ${then}`,
  }
}

function beforeSession({ position, trace, record }: Facts): Verdict | undefined {
  const { from, added } = trace
  if (!isUpTo(position, from)) return undefined
  const isAdded = added !== undefined && !isUpTo(position, added.from)
  if (isAdded && record !== undefined && findName(added.topics, record.topic) !== undefined)
    return undefined
  const gap = findGap(trace, position)
  if (gap !== undefined) {
    return {
      verdict: 'gap',
      why: `The session began at ${formatCursor(from)}, and told its client that what is before may be missing.`,
    }
  }
  return {
    verdict: 'before-session',
    why: `The session began behind the event, at ${formatCursor(from)}. A client that came with this cursor had the event from an earlier stream, or did not ask for it.`,
  }
}

function forgotten({ position, trace }: Facts): Verdict | undefined {
  if (trace.forgotten === undefined || !isUpTo(position, trace.forgotten)) return undefined
  return {
    verdict: 'unknown',
    why: `Too much has happened on the node since: of this session it remembers what came after ${formatCursor(trace.forgotten)}.`,
  }
}

function notMatched(facts: Facts): Verdict | undefined {
  const { record, trace, position } = facts
  if (record === undefined || findMatch(facts) !== undefined) return undefined
  const taken = findTaken(trace, record.topic, position)
  if (taken !== undefined) {
    return {
      verdict: 'not-granted',
      why: `The session followed ${record.topic} until ${formatCursor(taken.at)}. Then it got a grant that does not hold the topic.`,
    }
  }
  return {
    verdict: 'not-matched',
    why: `Neither a topic nor a pattern that the session followed at that place matches ${record.topic}.`,
  }
}

/** Only sessions whose grant has the event's permission, and lets its tags through, get it. */
function beyondGrant({ record, trace, position }: Facts): Verdict | undefined {
  if (record === undefined) return undefined
  const { permissions, granted } = readerAt(trace, position)
  const { permission } = record
  if (permission !== undefined && !permissions.includes(permission)) {
    return {
      verdict: 'not-granted',
      why: `The event is for sessions with the permission ${permission}, which the grant of this one does not have.`,
    }
  }
  if (granted?.matches(record) !== false) return undefined
  return {
    verdict: 'not-granted',
    why: 'The grant of the session lets through events with other tags only (where).',
  }
}

function filtered({ record, trace, position }: Facts): Verdict | undefined {
  if (record === undefined || readerAt(trace, position).asked?.matches(record) !== false)
    return undefined
  return {
    verdict: 'filtered',
    why: 'The client asked for other events of its topics only (types, keys, where). It counts as delivered for its cursor.',
  }
}

/** By which grant and filter the session was held against an event. */
function readerAt({ reader, happenings = [] }: SessionTrace, position: Position): TracedReader {
  let found = reader
  for (const it of happenings)
    if (it.kind === 'renewed' && !isUpTo(position, it.at)) found = it.reader
  return found
}

function afterEnd({ position, trace }: Facts): Verdict | undefined {
  const { end } = trace
  if (end === undefined || isUpTo(position, end.at)) return undefined
  return {
    verdict: 'closed',
    why: `The session closed (${end.reason}) when it stood at ${formatCursor(end.at)}, before the event. The client gets it when it comes back with its cursor.`,
  }
}

function behind(facts: Facts): Verdict | undefined {
  const { position, session, trace } = facts
  if (session === undefined) return undefined
  const { replayedTo, added, cursor } = session
  const isOfAdded = added !== undefined && findMatch(facts)?.isAdded === true
  const stands = isOfAdded ? replayedTo : cursor
  if (isUpTo(position, stands)) return undefined
  const matched = findMatch(facts)?.name
  const last = trace.happenings?.findLast(({ kind }) => kind === 'lagged' || kind === 'level')
  if (last?.kind === 'lagged') {
    return {
      verdict: 'lagging',
      matched,
      why: `The session fell behind (${last.cause}) at ${new Date(last.time).toISOString()} and stands at ${formatCursor(stands)}. It gets the event when it can.`,
    }
  }
  return {
    verdict: 'not-yet',
    matched,
    why: `The session is being brought level and stands at ${formatCursor(stands)}. It gets the event on the way.`,
  }
}

function dropped(facts: Facts): Verdict | undefined {
  const { record, trace, position, lagRules } = facts
  if (record === undefined) return undefined
  const gap = trace.happenings?.find(
    (it) => it.kind === 'gap' && it.reason === 'rate' && isWithin(position, it.from, it.at),
  )
  if (gap?.kind !== 'gap') return undefined
  if (gap.rulesVersion !== lagRules.version) return byOtherRules(facts)
  if (lagRules.actionFor(record.topic) !== 'drop') return undefined
  return {
    verdict: 'dropped',
    matched: findMatch(facts)?.name,
    why: `The session was behind, and the rule of ${record.topic} drops what such a session is behind with. Its client was told of a gap up to ${formatCursor(gap.at)}.`,
  }
}

async function conflated(facts: Facts): Promise<Verdict | undefined> {
  const { record, trace, position, lagRules, log } = facts
  if (record === undefined) return undefined
  const stretch = trace.happenings?.find(
    (it) => it.kind === 'reduced' && isWithin(position, it.from, it.at),
  )
  if (stretch?.kind !== 'reduced') return undefined
  const isByThese = stretch.rulesVersion === lagRules.version
  if (isByThese && lagRules.actionFor(record.topic) !== 'conflate') return undefined
  const by = await findSuccessor(record, stretch.upTo, log)
  if (by === undefined) return undefined
  if (!isByThese) return byOtherRules(facts)
  return {
    verdict: 'conflated',
    matched: findMatch(facts)?.name,
    by: formatCursor(by),
    why: `The session was behind, and the rule of ${record.topic} leaves such a session the newest event of each key. It got a newer one in its place.`,
  }
}

/** Of rules that are replaced nothing is kept. */
function byOtherRules(facts: Facts): Verdict {
  return {
    verdict: 'unknown',
    matched: findMatch(facts)?.name,
    why: 'The session was behind there and got what the rules for laggards left. They have changed since, so nobody knows whether they left this event.',
  }
}

function delivered(facts: Facts): Verdict {
  const { position, trace, flushes, now } = facts
  const match = findMatch(facts)
  const states = listStates(trace)
  const before = states.findLast(({ at }) => !isUpTo(position, at))
  const next = states.find(({ at }) => isUpTo(position, at))
  const flushed =
    before?.kind === 'level' && match?.isAdded !== true ? flushes.timeOf(position) : undefined
  const from = before?.time ?? trace.openedAt
  const between: readonly [number, number] =
    flushed === undefined ? [from, next?.time ?? now] : [flushed, flushed]
  const how =
    before?.kind === 'level' && match?.isAdded !== true ? 'while it was live' : 'in a replay'
  return {
    verdict: 'delivered',
    matched: match?.name,
    between,
    why: `It was written to the socket of the session ${how}. A client that has not got it lost its connection first, and gets it when it comes back with its cursor.`,
  }
}

/** Where the session began to be level, fell behind, moved and ended. */
function listStates(trace: SessionTrace): readonly State[] {
  const { levelAt, levelTime, happenings = [], end } = trace
  const states: State[] = []
  if (levelAt !== undefined) states.push({ kind: 'level', at: levelAt, time: levelTime })
  states.push(...happenings.filter(({ kind }) => stateKinds.includes(kind)))
  if (end !== undefined) states.push({ kind: 'closed', at: end.at, time: end.time })
  return states.toSorted((a, b) => a.time - b.time)
}

interface State {
  readonly kind: Happening['kind'] | 'closed'
  readonly at: Position
  readonly time: number
}

const stateKinds: readonly Happening['kind'][] = ['level', 'lagged', 'moved']

interface Match {
  readonly name: string
  /** By a topic that was added from an older place. */
  readonly isAdded: boolean
}

/** The name by which the session followed the event's topic, at its place. */
function findMatch({
  record,
  trace,
  position,
}: Pick<Facts, 'position' | 'record' | 'trace'>): Match | undefined {
  if (record === undefined) return undefined
  let { topics } = trace
  let sources = trace.added === undefined ? [] : [{ ...trace.added, to: trace.from }]
  for (const it of trace.happenings ?? []) {
    if (it.kind !== 'moved') continue
    if (!isUpTo(position, it.at)) topics = it.topics
    if (it.added !== undefined) sources = [...sources, { ...it.added, to: it.at }]
  }
  const name = isUpTo(position, trace.from) ? undefined : findName(topics, record.topic)
  if (name !== undefined) return { name, isAdded: false }
  for (const added of sources) {
    const other = isWithin(position, added.from, added.to)
      ? findName(added.topics, record.topic)
      : undefined
    if (other !== undefined) return { name: other, isAdded: true }
  }
  return undefined
}

function findName({ topics, patterns }: TopicSet, topic: Topic): string | undefined {
  return (
    topics.find((name) => name === topic) ??
    patterns.find((pattern) => matchesPattern(pattern, topic))
  )
}

/** The last change before a position, if it is a grant's and took the topic out. */
function findTaken(
  { topics, happenings = [] }: SessionTrace,
  topic: Topic,
  position: Position,
): Happening | undefined {
  let before = topics
  let taken: Happening | undefined
  for (const it of happenings) {
    if (it.kind !== 'moved' || isUpTo(position, it.at)) continue
    if (it.topics.matches(topic)) taken = undefined
    else if (before.matches(topic)) taken = it.reason === 'not-granted' ? it : undefined
    before = it.topics
  }
  return taken
}

function findGap({ happenings = [] }: SessionTrace, position: Position): Happening | undefined {
  return happenings.find(
    (it) => it.kind === 'gap' && it.reason !== 'rate' && isWithin(position, it.from, it.at),
  )
}

function isWithin(position: Position, from: Position | undefined, to: Position): boolean {
  return isUpTo(position, to) && (from === undefined || !isUpTo(position, from))
}
