export { createTidemark } from './create-tidemark.ts'
export type { TidemarkOptions } from './tidemark-options.ts'
export type { Action, Authorize, PlainRequest, RequestFacts } from './request/authorize.ts'
export type { Grant, GrantClaims } from './request/grant.ts'
export type { ReachOptions, RenewOptions, SessionReach } from './control/session-reach.ts'
export type { ByeReason } from './framing/bye-reason.ts'
export type { GapReason, Resumed } from './framing/control-events.ts'
export { ServerError, serverErrors } from './errors.ts'
export type { ServerErrorCode } from './errors.ts'
export type { FetchOptions } from './fetch/answer-fetch.ts'
export type { CursorOptions } from './head-cursor.ts'
export type { History, HistoryQuery, HistoryRecord } from './history.ts'
export type { LagAction, LagRule } from './catch-up/lag-rules.ts'
export type { StartRule } from './consumers/start-rules.ts'
export type { CompressionRule } from './framing/compression-rules.ts'
export type { RateRule } from './publish/rate-rules.ts'
export type { SubscriberRule } from './fan-out/subscriber-rules.ts'
export type {
  ConsumerPlace,
  ConsumerState,
  ConsumersOf,
  UserConsumers,
} from './consumers/user-consumers.ts'
export type {
  EventsFlushed,
  EventsPublished,
  NodeFailed,
  NodeObserver,
  RefusedAction,
  RequestRefused,
  SessionCaughtUp,
  SessionClosed,
  SessionLagged,
  SessionOpened,
} from './observer/node-observer.ts'
export { addStats, emptyStats } from './observer/node-stats.ts'
export type { CloseReason, LagCause, NodeGauges, NodeStats } from './observer/node-stats.ts'
export type { PublishInput, TopicInput } from './publish/new-event.ts'
export type {
  JoinOptions,
  SessionEvent,
  SessionHandle,
  SessionOwner,
  TopicChange,
} from './session/session-handle.ts'
export type { PresentUser } from './presence/presence-index.ts'
export type { PresenceRule } from './presence/presence-rules.ts'
export type { PresenceData } from './presence/present-session.ts'
export type { PresenceQuery, TopicPresent } from './presence/read-presence.ts'
export type { SessionFilter } from './session/session-registry.ts'
export { traceVerdicts } from './trace/trace.ts'
export type { Trace, TraceQuestion, TraceVerdict, Verdict } from './trace/trace.ts'
export type { SendEvent, SendReceipt } from './send/send.ts'
export type { SendTarget } from './send/send-target.ts'
export type { UserReach } from './send/user-reach.ts'
export type { DeleteOptions, PublishOptions, Receipt } from './publish/publish.ts'
export type { TideRules } from './rules/node-rules.ts'
export type { RulesInForce } from './rules/rule-kind.ts'
export type {
  ListedEvent,
  ScheduledEvent,
  ScheduledPage,
  ScheduledQuery,
  ScheduledOptions,
  ScheduleOptions,
  TideSchedule,
} from './scheduled/scheduled-event.ts'
export type { SubscribeOptions } from './node/subscribe.ts'
export type { NodeTidemark as Tidemark } from './node/node-tidemark.ts'
