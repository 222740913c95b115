// Rules of retention as the configuration has them, and as the log does.

import type { RetentionRule } from '@tidemark/log'
import type { RuleConfig } from './config/hub-config.ts'
import { hooksPrefix } from './webhooks/hub-events.ts'
import { hubEventBytesMax } from './webhooks/limits.ts'

/**
 * The hub's own events are signals, not history: a readiness probe every second must not crowd out anything.
 * Those for webhooks are kept longer, for an endpoint that is down. These rules are the last of every list
 * that a hub puts in force.
 */
const ownRules: readonly RetentionRule[] = [
  { pattern: `${hooksPrefix}**`, maxBytes: hubEventBytesMax },
  { pattern: '$hub/**', maxEvents: 100 },
]

/** The list of a configuration for the log, with the hub's own rules. */
export function toKeptRules(rules: readonly RuleConfig[]): readonly RetentionRule[] {
  return [
    ...rules.map(({ pattern, maxAge, maxEvents, maxBytes, latestBy }) => ({
      pattern,
      maxAgeMs: maxAge,
      maxEvents,
      maxBytes,
      latestBy,
    })),
    ...ownRules,
  ]
}

/** A list of the log as the configuration would have it, without the hub's own rules. */
export function fromKeptRules(rules: readonly RetentionRule[]): readonly RuleConfig[] {
  const own = ownRules.map(({ pattern, maxEvents, maxBytes }) =>
    rules.findLastIndex(
      (rule) =>
        rule.pattern === pattern && rule.maxEvents === maxEvents && rule.maxBytes === maxBytes,
    ),
  )
  return rules
    .filter((_, i) => !own.includes(i))
    .map(({ pattern, maxAgeMs, maxEvents, maxBytes, latestBy }) => ({
      pattern,
      maxAge: maxAgeMs,
      maxEvents,
      maxBytes,
      latestBy,
    }))
}
