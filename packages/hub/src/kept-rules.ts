// Rules of retention as the configuration has them, and as the log does.

import type { RetentionRule } from '@tidemark/log'
import type { RuleConfig } from './config/hub-config.ts'

/**
 * The hub's own events are signals, not history: a readiness probe every second must not crowd out anything.
 * The rule is the last of every list that a hub puts in force.
 */
const ownRule: RetentionRule = { pattern: '$hub/**', maxEvents: 100 }

/** The list of a configuration for the log, with the hub's own rule. */
export function toKeptRules(rules: readonly RuleConfig[]): readonly RetentionRule[] {
  return [
    ...rules.map(({ pattern, maxAge, maxEvents, maxBytes, latestBy }) => ({
      pattern,
      maxAgeMs: maxAge,
      maxEvents,
      maxBytes,
      latestBy,
    })),
    ownRule,
  ]
}

/** A list of the log as the configuration would have it, without the hub's own rule. */
export function fromKeptRules(rules: readonly RetentionRule[]): readonly RuleConfig[] {
  const own = rules.findLastIndex(
    ({ pattern, maxEvents }) => pattern === ownRule.pattern && maxEvents === ownRule.maxEvents,
  )
  return rules
    .filter((_, i) => i !== own)
    .map(({ pattern, maxAgeMs, maxEvents, maxBytes, latestBy }) => ({
      pattern,
      maxAge: maxAgeMs,
      maxEvents,
      maxBytes,
      latestBy,
    }))
}
