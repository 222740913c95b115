// For rooms with rules of their own for topics: how rules are looked up, and how they change for
// all nodes of a log.

export { fingerprintBatch } from './fingerprint.ts'
export { decodeRules, encodeRules, rulesTopic } from './rule-record.ts'
export type { RulesOrigin } from './rule-record.ts'
export { TopicRules, parseRulePattern } from './topic-rules.ts'
export type { PatternRules } from './topic-rules.ts'
