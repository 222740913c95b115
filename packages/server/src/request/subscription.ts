// A client's request for a stream, read from a URL's query or a JSON body.

import { parseTopicSet } from '@tidemark/log'
import type { TopicSet } from '@tidemark/log'
import { hasMethods } from '@tidemark/log/values'
import { nearestName, quote, quoteValue } from '@tidemark/wire/values'
import { checkConsumerName } from '../consumers/consumer-name.ts'
import { ServerError } from '../errors.ts'
import { createFraming, fieldNames, needsTopicField } from '../framing/framing.ts'
import type { FieldName, Framing } from '../framing/framing.ts'
import { eventsPerSecondRange } from '../limits.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import { checkLabel } from './label.ts'
import type { Filter } from './filter.ts'
import { filterNames, readFilter, readWhereTexts } from './read-filter.ts'
import { credentialNames, parseQueryText, selectPairs } from './query-text.ts'
import { readList, readMembers } from '../read-members.ts'
import type { ChangedTopics } from '../session/topic-set-table.ts'
import { parseSince, planStart } from './start-at.ts'
import type { SinceOrNow, StartAt } from './start-at.ts'
import type { ChosenTopics } from './topic-choice.ts'
import { readTopicTokens } from './topic-tokens.ts'

/** A checked request for a stream. */
export interface Subscription {
  readonly topics: TopicSet
  readonly framing: Framing
  readonly start: StartAt
  /** Lets through the events that the client wants of its topics; undefined: all. */
  readonly filter?: Filter | undefined
  /**
   * Events per second the client wants at most; what is beyond comes later, or as the node's lag rules say.
   */
  readonly eventsPerSecondMax?: number | undefined
  /** The consumer that the client goes on as, and whether the client says where a new one begins. */
  readonly consumer?: { readonly name: string; readonly hasStart: boolean } | undefined
  /** The name that the client gives its session. */
  readonly label?: string | undefined
  /** Long events are asked for as compressed ones, one by one, and the stream as a plain one. */
  readonly packsEvents?: boolean | undefined
  /** Tokens for single topics, which `authorize` is shown. */
  readonly topicTokens?: readonly string[] | undefined
  /** True where the application has chosen the topics. */
  readonly isChosen?: boolean | undefined
  /** Where a cursor has led to other topics than the request names. */
  readonly changed?: ChangedTopics | undefined
}

/** How a query is read. */
export interface QueryOptions {
  /**
   * How query parameters are treated that are not of a subscription. `ignore`: they are the application's (a
   * cache breaker). `refuse`: they are mistakes, and the nearest name that exists is suggested. `token` and
   * `ticket` are for `authorize` in either case. Default `ignore`.
   */
  readonly unknownParameters?: 'ignore' | 'refuse' | undefined
}

/** Either form of request, not yet checked. */
interface UncheckedSubscription {
  readonly topics: TopicSet
  readonly since: string | undefined
  readonly lastEventId: string | undefined
  readonly fields: readonly string[] | undefined
  readonly event: string | undefined
  readonly framing: string | undefined
  readonly filter: Filter | undefined
  readonly eventsPerSecondMax: number | undefined
  readonly compress: string | undefined
  readonly consumer: string | undefined
}

const commonNames = [
  'topics',
  'since',
  'lastEventId',
  'fields',
  'event',
  'framing',
  'eventsPerSecondMax',
  'label',
  'compress',
  'consumer',
  ...filterNames,
]
const queryNames = ['topic', ...commonNames]
const bodyNames = [...commonNames, 'topicTokens']
/** Where the application has chosen the topics, parameters that name topics or the session are its own. */
const chosenNames = commonNames.filter((name) => name !== 'topics' && name !== 'label')

/**
 * Reads `GET /events?topic=…`. `lastEventId` is the request's `Last-Event-ID` header; it wins over the query,
 * because a browser that reconnects repeats the URL.
 * @throws ServerError `QUERY_INVALID`, `FILTER_INVALID`, `TOPIC_INVALID`, `TOPIC_SET_INVALID`,
 * `OPTION_INVALID`
 */
export function parseSubscriptionQuery(
  query: URLSearchParams,
  lastEventId?: string | null,
  options: QueryOptions = {},
): Subscription {
  if (!hasMethods(query, ['keys', 'getAll'])) {
    throw new ServerError(
      'QUERY_INVALID',
      `A query is read from URLSearchParams, such as new URL(request.url).searchParams; got ${quoteValue(query)}.`,
    )
  }
  if (isStrict(options)) refuseOthers(query, queryNames)
  const topics = [...readAll(query, 'topic'), ...(readLists(query, 'topics') ?? [])]
  const label = checkLabel(readOnce(query, 'label'))
  const manner = readManner(query)
  return { ...planSubscription({ topics: checkTopics(topics), ...manner }, lastEventId), label }
}

/** Everything in a query but the topics and the label. */
function readManner(query: URLSearchParams): Omit<UncheckedSubscription, 'topics'> {
  return {
    since: readOnce(query, 'since'),
    lastEventId: readOnce(query, 'lastEventId'),
    fields: readOnce(query, 'fields')?.split(','),
    event: readOnce(query, 'event'),
    framing: readOnce(query, 'framing'),
    filter: readFilter({
      types: readLists(query, 'types'),
      keys: readLists(query, 'keys'),
      where: readWhereTexts(readAll(query, 'where')),
    }),
    eventsPerSecondMax: parseRate(readOnce(query, 'eventsPerSecondMax')),
    compress: readOnce(query, 'compress'),
    consumer: readOnce(query, 'consumer'),
  }
}

/** The same from the query of a URL as it stands there, for doors. */
export function parseSubscriptionText(
  text: string,
  lastEventId: string | undefined,
  options: QueryOptions,
): Subscription {
  const query = parseQueryText(isStrict(options) ? text : selectPairs(text, queryNames))
  return parseSubscriptionQuery(query, lastEventId, options)
}

/**
 * Reads the query of a URL where the application has chosen the topics, for doors.
 * @throws ServerError `QUERY_INVALID`, `FILTER_INVALID`, `TOPIC_INVALID`, `TOPIC_SET_INVALID`,
 * `OPTION_INVALID`
 */
export function parseChosenText(
  text: string,
  lastEventId: string | undefined,
  options: QueryOptions & { readonly chosen: ChosenTopics },
): Subscription {
  const strict = isStrict(options)
  const query = parseQueryText(strict ? text : selectPairs(text, chosenNames))
  if (strict) refuseOthers(query, chosenNames)
  const { topics, since } = options.chosen
  const subscription = planSubscription({ ...readManner(query), topics }, lastEventId, since)
  return { ...subscription, isChosen: true }
}

function refuseOthers(query: URLSearchParams, names: readonly string[]): void {
  for (const name of query.keys()) {
    if (!credentialNames.includes(name)) refuseUnknown(name, names, 'query parameter')
  }
}

function isStrict(options: QueryOptions): boolean {
  const { unknownParameters = 'ignore' } = readMembers(options, ['unknownParameters'], {
    code: 'OPTION_INVALID',
    what: 'The options of a query',
  })
  if (unknownParameters === 'ignore' || unknownParameters === 'refuse')
    return unknownParameters === 'refuse'
  throw new ServerError(
    'OPTION_INVALID',
    `unknownParameters must be ignore or refuse; got ${quoteValue(unknownParameters)}.`,
  )
}

/**
 * Reads the JSON body of `POST /events`: `{topics, since?, lastEventId?, fields?, event?, framing?,
 * eventsPerSecondMax?, label?, compress?, consumer?, types?, keys?, where?, topicTokens?}`.
 * @throws ServerError `QUERY_INVALID`, `FILTER_INVALID`, `TOPIC_INVALID`, `TOPIC_SET_INVALID`
 */
export function parseSubscriptionBody(body: unknown, lastEventId?: string | null): Subscription {
  const members = readBody(body)
  for (const name of members.keys()) refuseUnknown(name, bodyNames, 'member')
  const topicTokens = readTopicTokens(members.get('topicTokens'))
  const label = checkLabel(readText(members, 'label'))
  const subscription = planSubscription(
    {
      topics: checkTopics(readTexts(members, 'topics') ?? []),
      since: readText(members, 'since'),
      lastEventId: readText(members, 'lastEventId'),
      fields: readTexts(members, 'fields'),
      event: readText(members, 'event'),
      framing: readText(members, 'framing'),
      filter: readFilter({
        types: members.get('types'),
        keys: members.get('keys'),
        where: members.get('where'),
      }),
      eventsPerSecondMax: checkRate(members.get('eventsPerSecondMax')),
      compress: readText(members, 'compress'),
      consumer: readText(members, 'consumer'),
    },
    lastEventId,
  )
  return { ...subscription, label, topicTokens }
}

function readBody(body: unknown): ReadonlyMap<string, unknown> {
  const wanted = 'The body must be a JSON object such as {"topics":["orders/42"]}'
  try {
    if (typeof body === 'object' && body !== null && !Array.isArray(body))
      return new Map(Object.entries(body))
  } catch (cause) {
    throw new ServerError('QUERY_INVALID', `${wanted}; this one throws when it is read.`, { cause })
  }
  throw new ServerError('QUERY_INVALID', `${wanted}; got ${quoteValue(body)}.`)
}

/** `null` is what `Headers.get` says of a header that is not there. */
function checkCursor(header: string | null | undefined): string | undefined {
  if (header === undefined || header === null || typeof header === 'string')
    return header ?? undefined
  throw new ServerError(
    'QUERY_INVALID',
    `The last event id must be text; got ${quoteValue(header)}. Hand in the Last-Event-ID header as it came.`,
  )
}

function planSubscription(
  given: UncheckedSubscription,
  lastEventId: string | null | undefined,
  otherwise?: SinceOrNow,
): Subscription {
  const header = checkCursor(lastEventId)
  const { topics } = given
  const wanted = given.since === undefined ? otherwise : parseSince(given.since)
  const since = wanted ?? { kind: 'now' }
  const name = checkConsumerName(given.consumer)
  return {
    topics,
    framing: chooseFraming(given, topics),
    start: planStart(header === undefined || header === '' ? given.lastEventId : header, since),
    filter: given.filter,
    eventsPerSecondMax: given.eventsPerSecondMax,
    packsEvents: checkCompress(given),
    consumer: name === undefined ? undefined : { name, hasStart: wanted !== undefined },
  }
}

function checkCompress({ compress, framing }: UncheckedSubscription): boolean {
  if (compress === undefined) return false
  if (compress !== 'event') {
    throw new ServerError(
      'QUERY_INVALID',
      `compress takes one value, event (long events as gzip in base64); got ${quote(compress)}.`,
    )
  }
  if (framing !== 'batch') return true
  throw new ServerError(
    'QUERY_INVALID',
    'compress=event is for single events, and framing=batch gives many as one; got both. Leave one out.',
  )
}

function chooseFraming(given: UncheckedSubscription, topics: TopicSet): Framing {
  const shape = given.framing ?? 'plain'
  if (shape !== 'plain' && shape !== 'envelope' && shape !== 'batch') {
    throw new ServerError(
      'QUERY_INVALID',
      `framing must be plain, envelope or batch; got ${quote(shape)}.`,
    )
  }
  if (given.event !== undefined && given.event !== 'topic') {
    throw new ServerError(
      'QUERY_INVALID',
      `event takes one value, topic (name each SSE event after its topic); got ${quote(given.event)}.`,
    )
  }
  const fields = (given.fields ?? []).map(checkField)
  if (needsTopicField(topics)) fields.push('topic')
  return createFraming({ shape, fields, isNamedByTopic: given.event === 'topic' })
}

function checkField(name: string): FieldName {
  const known = fieldNames.find((field) => field === name)
  if (known === undefined) {
    throw new ServerError(
      'QUERY_INVALID',
      `fields takes ${fieldNames.join(', ')}; got ${quote(name)}.`,
    )
  }
  return known
}

function parseRate(text: string | undefined): number | undefined {
  return checkRate(text !== undefined && /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : text)
}

function checkRate(value: unknown): number | undefined {
  if (value === undefined) return undefined
  const { from, to } = eventsPerSecondRange
  if (typeof value === 'number' && value >= from && value <= to) return value
  throw new ServerError(
    'QUERY_INVALID',
    `eventsPerSecondMax must be a number from ${from} to ${to}; got ${quoteValue(value)}.`,
  )
}

function checkTopics(names: readonly string[]): TopicSet {
  try {
    return parseTopicSet(names)
  } catch (error) {
    return wrapLogError(error)
  }
}

function refuseUnknown(name: string, known: readonly string[], what: string): void {
  if (known.includes(name)) return
  const nearest = nearestName(name, known)
  const hint = nearest === undefined ? `Known are ${known.join(', ')}.` : `Did you mean ${nearest}?`
  throw new ServerError('QUERY_INVALID', `There is no ${what} ${quote(name)} here. ${hint}`)
}

/** Of a form a value may be a file. */
function readAll(query: URLSearchParams, name: string): readonly string[] {
  const values: readonly unknown[] = query.getAll(name)
  return values.map((value) => {
    if (typeof value === 'string') return value
    throw new ServerError('QUERY_INVALID', `${name} must be text; got ${quoteValue(value)}.`)
  })
}

/** Texts with commas between them; undefined where there is no such parameter. */
function readLists(query: URLSearchParams, name: string): readonly string[] | undefined {
  const lists = readAll(query, name)
  return lists.length === 0 ? undefined : lists.flatMap((list) => list.split(','))
}

function readOnce(query: URLSearchParams, name: string): string | undefined {
  const values = readAll(query, name)
  if (values.length > 1) {
    throw new ServerError(
      'QUERY_INVALID',
      `${name} may be given once; got ${values.length} values. Leave one.`,
    )
  }
  return values[0]
}

function readText(members: ReadonlyMap<string, unknown>, name: string): string | undefined {
  const value = members.get(name)
  if (value === undefined || typeof value === 'string') return value
  throw new ServerError('QUERY_INVALID', `${name} must be a string; got ${quoteValue(value)}.`)
}

function readTexts(
  members: ReadonlyMap<string, unknown>,
  name: string,
): readonly string[] | undefined {
  const value = members.get(name)
  if (value === undefined) return undefined
  const wanted = { code: 'QUERY_INVALID', what: name } as const
  const items = readList(value as readonly unknown[], wanted)
  if (items.every((item) => typeof item === 'string')) return items
  throw new ServerError(
    'QUERY_INVALID',
    `${name} must be an array of strings; got ${quoteValue(value)}.`,
  )
}
