// The retention of a log as a record: from the position of that record on it is in force for every process.

import { LogError } from './errors.ts'
import type { EventLog, NewEvent } from './event-log.ts'
import type { Position } from './position.ts'
import { quoteValue } from './quote.ts'
import { hasMethods, readMembers } from './read-members.ts'
import type { Retention, RetentionInForce, RetentionRule } from './retention.ts'
import { validateRetention } from './rule-book.ts'
import { decodeRules, encodeRules, rulesTopic } from './rule-record.ts'
import type { RulesOrigin } from './rule-record.ts'

/** Its key in the ledger of rules. */
export const retentionKey = 'retention'

/** Whether a log must look at what it is about to add: the event puts another retention in force. */
export function isRetentionRecord({ topic, key }: Pick<NewEvent, 'topic' | 'key'>): boolean {
  return topic === rulesTopic && key === retentionKey
}

/**
 * Replaces the retention of a log, for every process that has it open. Appends behind the position
 * follow the new rules, those before it the old ones. Records that the new rules do not keep go
 * within seconds, and readers who were behind them are told of a gap. Records that were removed
 * before do not come back.
 *
 * The change outlives restarts. It ends when the log is opened with another configured retention
 * than the one before.
 *
 * @param retention all of it, because a missing member would silently be a default: `{
 *   ...log.retention, rules }`
 * @returns where it is in force from
 * @throws LogError `RETENTION_INVALID`, `OPTION_INVALID`, and the errors of `append`
 * @example
 * await changeRetention(log, { ...log.retention, rules: [{ pattern: 'prices/*', latestBy: 'key' }] })
 */
export async function changeRetention(log: EventLog, retention: Retention): Promise<Position> {
  if (!hasMethods(log, ['append']))
    throw new LogError(
      'OPTION_INVALID',
      `Retention is changed on an event log; got ${quoteValue(log)}.`,
    )
  const event = encodeRetention(requireWhole(retention), 'change')
  const [position] = await log.append({ events: [event] })
  if (position !== undefined) return position
  throw new LogError('LOG_UNAVAILABLE', 'The log gave no position for a change of its retention.')
}

/** The event that puts checked retention in force. */
export function encodeRetention(retention: Retention, from: RulesOrigin): NewEvent {
  return encodeRules(retentionKey, { from, rules: JSON.parse(printRetention(retention)) })
}

/** Checked retention as a text: equal for what is the same. */
export function printRetention({ maxAgeMs, maxBytes, rules }: Retention): string {
  return JSON.stringify({
    maxAgeMs: nameBound(maxAgeMs),
    maxBytes: nameBound(maxBytes),
    rules: rules.map((rule) => ({
      pattern: rule.pattern,
      maxAgeMs: nameBound(rule.maxAgeMs),
      maxEvents: nameBound(rule.maxEvents),
      maxBytes: nameBound(rule.maxBytes),
      latestBy: rule.latestBy,
    })),
  })
}

/**
 * The retention that {@link printRetention} has printed.
 * @throws LogError `RETENTION_INVALID`
 * @throws SyntaxError for a text that is no JSON
 */
export function parseRetention(text: string): Retention {
  return validateRetention(requireWhole(readBounds(JSON.parse(text))))
}

/**
 * The retention that a record with {@link isRetentionRecord} puts in force.
 * @throws LogError `RETENTION_INVALID`
 */
export function decodeRetention(record: {
  readonly type?: string | undefined
  readonly data: string
}): RetentionInForce {
  try {
    const { from, rules } = decodeRules({ type: record.type ?? 'message', data: record.data })
    return { from, retention: validateRetention(requireWhole(readBounds(rules))) }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new LogError('RETENTION_INVALID', `The record puts no retention in force. ${reason}`, {
      cause,
    })
  }
}

function requireWhole(given: Retention): Retention {
  const what = { code: 'RETENTION_INVALID', what: 'Retention' } as const
  const members = readMembers(given, ['maxAgeMs', 'maxBytes', 'rules'], what)
  const { maxAgeMs, maxBytes, rules } = members
  if (maxAgeMs !== undefined && maxBytes !== undefined && rules !== undefined)
    return validateRetention({ maxAgeMs, maxBytes, rules })
  throw new LogError(
    'RETENTION_INVALID',
    'Retention is replaced as a whole: maxAgeMs, maxBytes and rules; one of them is missing. Hand in { ...log.retention, rules }.',
  )
}

/** JSON has no `Infinity`. */
function nameBound(bound: number | undefined): number | string | undefined {
  return bound === Infinity ? 'Infinity' : bound
}

function readBounds(given: unknown): Retention {
  const { rules, ...whole } = readBound(given) as Retention
  if (!Array.isArray(rules)) return { ...whole, rules }
  return { ...whole, rules: rules.map((rule) => readBound(rule) as RetentionRule) }
}

function readBound(given: unknown): unknown {
  if (typeof given !== 'object' || given === null) return given
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, value === 'Infinity' ? Infinity : value]),
  )
}
