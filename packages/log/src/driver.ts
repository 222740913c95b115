// The part that only log drivers need: the inside of positions, and the rules that all drivers
// share.

export { invalidOption, requireClock, requireFunction } from './check-option.ts'
export { describeClockAhead, formatTime, isClockAhead } from './clock-ahead.ts'
export { isEpoch, parseEpoch } from './epoch.ts'
export type { Epoch } from './epoch.ts'
export {
  countCharacters,
  decodeTagsAndPermission,
  encodeTagsAndPermission,
  toRecordExtras,
} from './event-extras.ts'
export type { RecordExtras } from './event-extras.ts'
export { Lineage } from './lineage.ts'
export type { Extent, Opening, Place, Renaming, Stretch } from './lineage.ts'
export { requireHead } from './require-head.ts'
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
  parseRetention,
  printRetention,
  retentionKey,
} from './retention-record.ts'
export { rulesTopic } from './rule-record.ts'
export { createRuleBook, validateRetention } from './rule-book.ts'
export type { RuleBook } from './rule-book.ts'
export { readMembers } from './read-members.ts'
export { encodeTombstone, isExpired, tombstoneType } from './tombstone.ts'
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
