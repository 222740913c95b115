// The request of a test's subscriber, and the query for it.

export type Shape = 'plain' | 'envelope' | 'batch'

export interface TestSubscription {
  readonly topics: readonly string[]
  readonly shape: Shape
  /** Extra field lines it asks for besides those it gets anyway. */
  readonly fields: readonly string[]
  /** Whether its SSE events are named after their topics. */
  readonly isNamedByTopic: boolean
}

/** Every event of the log, as it is. */
export const wholeLog: TestSubscription = {
  topics: ['**'],
  shape: 'plain',
  fields: [],
  isNamedByTopic: false,
}

/**
 * The query of a subscription. It never changes between connections, as an EventSource's: the
 * header beats its `since`.
 */
export function toQuery(subscription: TestSubscription, since: string): URLSearchParams {
  const { topics, shape, fields, isNamedByTopic } = subscription
  const query = new URLSearchParams(topics.map((topic) => ['topic', topic]))
  query.set('since', since)
  if (shape !== 'plain') query.set('framing', shape)
  if (fields.length > 0) query.set('fields', fields.join(','))
  if (isNamedByTopic) query.set('event', 'topic')
  return query
}
