export type { RetryOptions } from './backoff.ts'
export { systemClock } from './clock.ts'
export type { Clock, Random, Timer } from './clock.ts'
export { connect } from './connect.ts'
export type { ConnectOptions } from './connect.ts'
export { createClient } from './create-client.ts'
export type { Client, ClientOptions, FeedOptions } from './create-client.ts'
export { ClientError, clientErrors, isPassing } from './errors.ts'
export type { ClientErrorCode, ClientErrorOptions } from './errors.ts'
export type {
  Bye,
  Feed,
  FeedEvent,
  FeedSignals,
  FeedSnapshot,
  FeedState,
  Gap,
  Ready,
  Snapshot,
} from './feed.ts'
export type { Fetch, HeaderList, HeaderSource } from './headers.ts'
export type { PublishInput, PublishOptions, TopicInput } from './publish-request.ts'
export type { Problem } from './problem.ts'
export { createPublisher } from './publisher.ts'
export type { Publisher, PublisherOptions, Receipt } from './publisher.ts'
