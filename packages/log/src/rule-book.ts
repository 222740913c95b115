// Which retention rule holds for a topic, resolved once and remembered.

import { LogError } from './errors.ts'
import { controlTopic } from './control-topic.ts'
import { controlKeptBytesMax, controlKeptMs, retentionRulesMax, ruleCacheMax } from './limits.ts'
import { isLedgerTopic } from './ledger-room.ts'
import { quoteValue } from './quote.ts'
import { readList, readMembers } from './read-members.ts'
import { defaultRetention } from './retention.ts'
import type { Retention, RetentionRule, TopicRule } from './retention.ts'
import { TopicRules, parseRulePattern } from './topic-rules.ts'
import type { Topic } from './topic.ts'

/** Finds the rule of a topic. */
export interface RuleBook {
  /** The same object for all topics that share a rule. */
  ruleFor(topic: Topic): TopicRule
  /** Every rule that can be returned, those of ledgers and of `$hub/control` too. The fallback is last. */
  readonly rules: readonly TopicRule[]
  /** The source of the book. */
  readonly retention: Retention
}

/** A ledger keeps the newest value per key, without end. Ended entries are removed by `readLedgerEnd`. */
const ledgerRule: TopicRule = {
  maxAgeMs: Infinity,
  maxEvents: Infinity,
  maxBytes: Infinity,
  latestBy: 'key',
}

const dollar = 0x24

/** Requests are over after seconds, and none of them takes the place of another. */
const controlRule: TopicRule = {
  maxAgeMs: controlKeptMs,
  maxEvents: Infinity,
  maxBytes: controlKeptBytesMax,
  latestBy: undefined,
}

/** Reads checked retention, see {@link validateRetention}. The first rule that matches a topic decides. */
export function createRuleBook(retention: Retention): RuleBook {
  const fallback: TopicRule = {
    maxAgeMs: retention.maxAgeMs,
    maxEvents: Infinity,
    maxBytes: Infinity,
    latestBy: undefined,
  }
  const rules = retention.rules.map((rule) => ({
    pattern: rule.pattern,
    value: {
      maxAgeMs: rule.maxAgeMs ?? retention.maxAgeMs,
      maxEvents: rule.maxEvents ?? Infinity,
      maxBytes: rule.maxBytes ?? Infinity,
      latestBy: rule.latestBy,
    },
  }))
  const found = new TopicRules<TopicRule>({ rules, fallback }, ruleCacheMax)
  return {
    retention,
    rules: [...rules.map(({ value }) => value), ledgerRule, controlRule, fallback],
    // These two come before the log's own rules. A rule for `$hub/**` must not remove entries of ledgers, or
    // keep requests for years.
    ruleFor: (topic) => {
      if (topic.charCodeAt(0) !== dollar) return found.find(topic)
      if (topic === controlTopic) return controlRule
      return isLedgerTopic(topic) ? ledgerRule : found.find(topic)
    },
  }
}

/**
 * Checks retention and fills in the defaults.
 * @throws LogError `RETENTION_INVALID`
 */
export function validateRetention(retention: Partial<Retention> = {}): Retention {
  const {
    maxAgeMs = defaultRetention.maxAgeMs,
    maxBytes = defaultRetention.maxBytes,
    rules = defaultRetention.rules,
  } = readMembers(retention, ['maxAgeMs', 'maxBytes', 'rules'], {
    code: 'RETENTION_INVALID',
    what: '`retention`',
  })
  const list = { code: 'RETENTION_INVALID', what: 'The rules of retention' } as const
  const checked: Retention = { maxAgeMs, maxBytes, rules: readList(rules, list) }
  requireBound('maxAgeMs', checked.maxAgeMs)
  requireBound('maxBytes', checked.maxBytes)
  if (checked.rules.length > retentionRulesMax) {
    throw new LogError(
      'RETENTION_INVALID',
      `There may be ${retentionRulesMax} retention rules at most; got ${checked.rules.length}. Use wider patterns.`,
    )
  }
  for (const rule of checked.rules) validateRule(rule)
  return checked
}

function validateRule(given: RetentionRule): void {
  const rule = readMembers(given, ['pattern', 'maxAgeMs', 'maxEvents', 'maxBytes', 'latestBy'], {
    code: 'RETENTION_INVALID',
    what: 'A rule of retention',
  })
  const where = `of the rule for ${quoteValue(rule.pattern)}`
  try {
    parseRulePattern(rule.pattern ?? '')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new LogError('RETENTION_INVALID', `The pattern ${where} is malformed. ${reason}`, {
      cause,
    })
  }
  if (rule.maxAgeMs !== undefined) requireBound(`maxAgeMs ${where}`, rule.maxAgeMs)
  if (rule.maxEvents !== undefined) requireBound(`maxEvents ${where}`, rule.maxEvents)
  if (rule.maxBytes !== undefined) requireBound(`maxBytes ${where}`, rule.maxBytes)
  if (rule.latestBy !== undefined && rule.latestBy !== 'key') {
    throw new LogError(
      'RETENTION_INVALID',
      `latestBy ${where} must be \`key\`; got ${quoteValue(rule.latestBy)}.`,
    )
  }
}

function requireBound(name: string, value: number): void {
  if (value === Infinity || (Number.isSafeInteger(value) && value > 0)) return
  throw new LogError(
    'RETENTION_INVALID',
    `${name} must be a whole number of at least 1, or Infinity for no bound; got ${quoteValue(value)}.`,
  )
}
