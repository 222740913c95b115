// The part for log drivers and the engine: the inside of positions, the records of rules, and what all
// drivers apply alike.

export { invalidOption, requireClock, requireFunction } from './check-option.ts'
export { describeClockAhead, formatTime, isClockAhead } from './clock-ahead.ts'
export { isEpoch, parseEpoch } from './epoch.ts'
export type { Epoch } from './epoch.ts'
export { Lineage } from './lineage.ts'
export type { Extent, Opening, Place, Renaming, Stretch } from './lineage.ts'
export { epochOf, makePosition, sequenceOf } from './position.ts'
export { fingerprintBatch } from './fingerprint.ts'
export { isLedgerTopic, ledgerPrefix, readLedgerEnd, requireLedgerRoom } from './ledger-room.ts'
export type { LedgerRoom } from './ledger-room.ts'
export { HandledTail } from './handled-tail.ts'
export { mergeByPosition } from './merge.ts'
export { measureRecord, measureUtf8 } from './record-size.ts'
export { readRecordTime } from './record-time.ts'
export {
  decodeRetention,
  encodeRetention,
  isRetentionRecord,
  printRetention,
  retentionKey,
} from './retention-record.ts'
export { decodeRules, encodeRules, rulesLedger, rulesTopic } from './rule-record.ts'
export type { RulesOrigin, StoredRules } from './rule-record.ts'
export { createRuleBook, validateRetention } from './rule-book.ts'
export type { RuleBook, TopicRule } from './rule-book.ts'
export { TopicRules, parseRulePattern } from './topic-rules.ts'
export type { PatternRules } from './topic-rules.ts'
export { readMembers } from './read-members.ts'
export { validateBatch } from './validate-batch.ts'
export { validateLocate, validateQuery, validateTail } from './validate-query.ts'
export {
  emptyTopicsMax,
  idempotencyAgeMaxMs,
  idempotencyBytesMin,
  idempotencyOverheadBytes,
  idempotencyShare,
  ledgerLookMs,
  pageDataMax,
  recordOverheadBytes,
  tailBatchMax,
} from './limits.ts'
