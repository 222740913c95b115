// The parts of the engine that Tidemark's own packages need. Internal to them: it changes with any version,
// without a word.

export { answerCoded } from '../refusal/problem.ts'
export type { Answer } from '../refusal/problem.ts'
export { answerError } from '../refusal/refusal.ts'
export { Block } from '../framing/block.ts'
export { checkBodyHeaders } from '../request/body-headers.ts'
export type { BodyHeaders } from '../request/body-headers.ts'
export { CodedError } from '../refusal/coded-error.ts'
export type { CodeHeaders, ErrorRow } from '../refusal/coded-error.ts'
export { lagActions } from '../catch-up/lag-rules.ts'
export {
  drainSessionsPerSecond,
  eventsPerSecondRange,
  flushWindowLimitMs,
  historyRecordsDefault,
  historyRecordsMax,
  rateBurstRange,
  ratePerSecondRange,
  rulesMax,
  stalledAfterRangeMs,
  subscribersRange,
  topicSetsBytesMax,
  topicSetsBytesMin,
} from '../limits.ts'
export { translateLogError } from '../refusal/log-faults.ts'
export { carrierOf, isHttp2 } from '../node/exchange.ts'
export type { Carrier } from '../node/exchange.ts'
export { setClientAddress } from '../node/describe-request.ts'
export { refusalOf, refuse } from '../node/refuse.ts'
export { declareFate } from '../node/listener-fate.ts'
export type { ListenerFate } from '../node/listener-fate.ts'
export { sendAnswer } from '../node/send.ts'
export { isStreaming } from '../node/streaming.ts'
export { endLostConnection } from '../node/lost-http2.ts'
export { bringTopicTokens, createPermit, plainRequest } from '../request/authorize.ts'
export type { Permit } from '../request/authorize.ts'
export { credentialNames, hideCredentials, parseQueryText } from '../request/query-text.ts'
export type { Sink, SinkListener } from '../session/sink.ts'
export { DueTimes } from '../session/due-times.ts'
export { Slots } from '../catch-up/slots.ts'
export { readPresenceData } from '../request/read-presence-data.ts'
export type { PresentTopics } from '../presence/present-topics.ts'
export { fixGrant } from '../request/read-grant.ts'
export { readWhere, readWhereTexts } from '../request/read-filter.ts'
export type { Where } from '../request/read-filter.ts'
export { readTopicTokens } from '../request/topic-tokens.ts'
export { parseSubscriptionBody, parseSubscriptionQuery } from '../request/subscription.ts'
export type { QueryOptions, Subscription } from '../request/subscription.ts'
export { overlaps } from '../send/overlaps.ts'
export { systemRandom } from '../random.ts'
export { openNodes } from '../presence/open-nodes.ts'
export type { HeldNodes } from '../presence/open-nodes.ts'
export type { SessionChange, ToldCodec } from '../presence/session-change.ts'
export { SharedSessions } from '../presence/shared-sessions.ts'
export { scheduledListedDefault, scheduledListedMax } from '../scheduled/limits.ts'
export {
  presenceRulesMax,
  presenceUsersDefault,
  presenceUsersMax,
  tellPauseMs,
} from '../presence/limits.ts'
