export { createTidemark } from './create-tidemark.ts'
export type { TidemarkOptions } from './tidemark-options.ts'
export type { Action, Authorize, Grant, PlainRequest, RequestFacts } from './authorize.ts'
export type { ByeReason, GapReason, Resumed } from './control-events.ts'
export { CodedError } from './coded-error.ts'
export type { CodeHeaders, ErrorRow } from './coded-error.ts'
export { ServerError, serverErrors } from './errors.ts'
export type { ServerErrorCode } from './errors.ts'
export type { FetchOptions } from './fetch/answer-fetch.ts'
export type { History, HistoryQuery, HistoryRecord } from './history.ts'
export { lagActions } from './lag-rules.ts'
export type { LagAction, LagRule } from './lag-rules.ts'
export type { PublishInput, TopicInput } from './new-event.ts'
export type { SessionEvent, SessionHandle, SessionOwner, TopicChange } from './session-handle.ts'
export type { SessionFilter } from './session-registry.ts'
export type { Sink, SinkListener } from './sink.ts'
export { checkBodyHeaders } from './body-headers.ts'
export type { BodyHeaders } from './body-headers.ts'
export { Block } from './block.ts'
export {
  drainSessionsPerSecond,
  eventsPerSecondRange,
  flushWindowLimitMs,
  historyRecordsDefault,
  historyRecordsMax,
  lagRulesMax,
  stalledAfterRangeMs,
  topicSetsBytesMax,
  topicSetsBytesMin,
} from './limits.ts'
export { translateLogError } from './log-faults.ts'
export { parseQueryText } from './query-text.ts'
export { answerCoded } from './problem.ts'
export { answerError } from './refusal.ts'
export { parseSubscriptionBody, parseSubscriptionQuery } from './subscription.ts'
export type { QueryOptions, Subscription } from './subscription.ts'
export { Slots } from './slots.ts'
export type { PublishOptions, Receipt } from './publish.ts'
export type { NodeTidemark as Tidemark } from './node/node-tidemark.ts'
