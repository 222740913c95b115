export { systemClock } from './clock.ts'
export type { Clock, Timer, TimerOptions } from './clock.ts'
export { covers } from './covers.ts'
export { LogError, logErrors } from './errors.ts'
export type { LogErrorCode } from './errors.ts'
export type {
  Bounds,
  EventLog,
  EventRecord,
  EventTags,
  Loss,
  LossReason,
  NewBatch,
  NewEvent,
  Page,
  ReadQuery,
  Since,
  Tail,
  TailHandler,
} from './event-log.ts'
export { openLedger } from './ledger/open-ledger.ts'
export type {
  Claim,
  EntryOptions,
  Ledger,
  LedgerChange,
  LedgerCodec,
  LedgerEntry,
  LedgerOptions,
  Moment,
  NewEntry,
} from './ledger/ledger.ts'
export {
  batchEventsMax,
  eventKeyLengthMax,
  eventTypeLengthMax,
  retentionRulesMax,
} from './limits.ts'
export { memoryLog } from './memory-log.ts'
export type { MemoryEventLog, MemoryLogOptions } from './memory-log.ts'
export {
  comparePositions,
  formatCursor,
  isSameEpoch,
  parseCursor,
  positionBefore,
} from './position.ts'
export type { Cursor, Position } from './position.ts'
export { defaultRetention } from './retention.ts'
export type { Retention, RetentionInForce, RetentionRule, TopicRule } from './retention.ts'
export { changeRetention } from './retention-record.ts'
export { hasWildcard, literalPrefix, matchesPattern, parsePattern, parseTopic } from './topic.ts'
export type { Pattern, Topic } from './topic.ts'
export { parseTopicSet } from './topic-set.ts'
export type { TopicSet } from './topic-set.ts'
