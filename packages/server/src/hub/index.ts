// What Tidemark's own packages need of the engine. Internal to them: it changes with any version, without a word.

export { answerCoded } from '../problem.ts'
export type { Answer } from '../problem.ts'
export { answerError } from '../refusal.ts'
export { Block } from '../block.ts'
export { checkBodyHeaders } from '../body-headers.ts'
export type { BodyHeaders } from '../body-headers.ts'
export { CodedError } from '../coded-error.ts'
export type { CodeHeaders, ErrorRow } from '../coded-error.ts'
export { lagActions } from '../lag-rules.ts'
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
} from '../limits.ts'
export { translateLogError } from '../log-faults.ts'
export { carrierOf, isHttp2 } from '../node/exchange.ts'
export type { Carrier } from '../node/exchange.ts'
export { declareFate } from '../node/listener-fate.ts'
export type { ListenerFate } from '../node/listener-fate.ts'
export { sendAnswer } from '../node/send.ts'
export { isStreaming } from '../node/streaming.ts'
export { parseQueryText } from '../query-text.ts'
export type { Sink, SinkListener } from '../sink.ts'
export { Slots } from '../slots.ts'
export { parseSubscriptionBody, parseSubscriptionQuery } from '../subscription.ts'
export type { QueryOptions, Subscription } from '../subscription.ts'
