// From a publisher's events to the log.

import { formatCursor, parseCursor } from '@tidemark/log'
import type { NewEvent, Position, Topic } from '@tidemark/log'
import { encodeTombstone, measureUtf8 } from '@tidemark/log/values'
import { quote, quoteValue } from '@tidemark/wire/values'
import { plainRequest } from '../request/authorize.ts'
import type { RequestFacts } from '../request/authorize.ts'
import { ServerError } from '../errors.ts'
import { publishEventsMax } from '../limits.ts'
import { copiesBytesMax } from '../send/limits.ts'
import { addTopic, checkTopic, requireKey, toNewEvent } from './new-event.ts'
import { ownKey, wrapKeyError } from './own-key.ts'
import type { PublishInput, TopicInput } from './new-event.ts'
import { checkPermission, checkTags } from './check-extras.ts'
import type { NodeSettings } from '../node-settings.ts'
import { readList, readMembers } from '../read-members.ts'
import type { PublishCharge, TopicRates } from './topic-rates.ts'

/** The answer to a publish, once the log has its events. */
export interface Receipt {
  /** The cursor of the last event. */
  readonly cursor: string
  /** Sessions of this node that the events go to now. */
  readonly sessions: number
}

/** The options of a batch. */
export interface PublishOptions {
  /**
   * A second publish with the same key and events adds nothing and gets the first one's cursor. With `by` the
   * key is of its user: the same key of another user is another one.
   */
  readonly idempotencyKey?: string | undefined
  /**
   * A cursor: the events are published only if their topic has no event behind it. They must be of one
   * topic. A repeated publish with its key gets the first one's cursor, however far the topic is by then.
   */
  readonly ifHead?: string | undefined
  /**
   * The client that publishes, as `describeRequest` says: `authorize` is asked whether it may. Default: the
   * application itself.
   */
  readonly by?: RequestFacts | undefined
}

/**
 * The options of a deletion. It reaches the readers of the value if it has the same tags and the same
 * permission.
 */
export interface DeleteOptions extends PublishOptions, Pick<PublishInput, 'permission' | 'tags'> {}

/** Parts of the node that a publish needs. */
export interface PublishTurn {
  /** How long the events may wait on their way to the log, in milliseconds. */
  readonly patienceMs: number
  readonly rates: Pick<TopicRates, 'charge'>
}

/** The events that the log has taken. */
export interface Published {
  /** The cursor of the last event. */
  readonly cursor: string
  readonly events: readonly NewEvent[]
}

/**
 * Checks events and appends them, all or none. Resolves when the log has them.
 * @throws ServerError for an event that breaks the rules (nothing is published then), `UNAUTHENTICATED`,
 * `TOPIC_FORBIDDEN`, `TOPIC_RATE_LIMITED`, `HEAD_MOVED`, or `LOG_UNAVAILABLE`
 */
export function publish(
  settings: NodeSettings,
  given: readonly TopicInput[],
  options: PublishTurn & { readonly publish: PublishOptions },
): Promise<Published> {
  const check = (): CheckedBatch => checkInputs(settings, given, options.publish)
  return append(settings, check, options)
}

/**
 * Publishes one event to several topics, all or none. It is checked once, however many they are.
 * @throws as `publish`; `EVENT_TOO_LARGE` also where its copies are too large together
 */
export function publishCopies(
  settings: NodeSettings,
  { topics, event, options }: Copies,
  turn: PublishTurn,
): Promise<Published> {
  const check = (): CheckedBatch => {
    const names = topics.map(checkTopic)
    const [first = ''] = names
    const one = toNewEvent(addTopic(first, event), settings.eventBytesMax)
    requireSmallCopies(one, names.length)
    return checkBatch(
      names.map((topic) => ({ ...one, topic })),
      options,
    )
  }
  return append(settings, check, turn)
}

/** One event for several topics. */
export interface Copies {
  /** At least one. */
  readonly topics: readonly string[]
  readonly event: PublishInput
  readonly options: PublishOptions
}

/** A request of 1 MiB could else be 10,000 events of 1 MiB, which push all others out of the log. */
function requireSmallCopies({ data, ...rest }: NewEvent, count: number): void {
  const bytes = measureUtf8(data) + measureUtf8(JSON.stringify(rest))
  if (count === 1 || bytes * count <= copiesBytesMax) return
  throw new ServerError(
    'EVENT_TOO_LARGE',
    `The copies of an event for its users may have ${copiesBytesMax} bytes together; got ${count} of ${bytes} bytes. Send it to fewer users at a time, or a link to it.`,
  )
}

/**
 * Ends the value of a key: appends what tells of it, as a publish to the topic.
 * @throws as `publish`
 */
export function publishDeletion(
  settings: NodeSettings,
  { topic, key, options }: Deletion,
  turn: PublishTurn,
): Promise<Published> {
  const check = (): CheckedBatch => {
    const names = ['tags', 'permission', 'idempotencyKey', 'ifHead', 'by'] as const
    const wanted = { code: 'OPTION_INVALID', what: 'The options of a deletion' } as const
    const { tags, permission, ...publishing } = readMembers(options, names, wanted)
    const readers = { tags: checkTags(tags), permission: checkPermission(permission) }
    const event = encodeTombstone(checkTopic(topic), requireKey(key), readers)
    return checkBatch([event], publishing)
  }
  return append(settings, check, turn)
}

/** A key whose value is to be ended. */
interface Deletion {
  readonly topic: string
  readonly key: string
  readonly options: DeleteOptions
}

async function append(
  settings: NodeSettings,
  check: () => CheckedBatch,
  { patienceMs, rates }: PublishTurn,
): Promise<Published> {
  const { clock, log, permit, watch } = settings
  let batch: CheckedBatch
  let size: { readonly events: number; readonly bytes: number } | undefined
  let began = 0
  let charge: PublishCharge | undefined
  try {
    batch = check()
    const { events, topics, by, ifHead } = batch
    let { idempotencyKey } = batch
    if (by !== undefined && permit !== undefined) {
      const grant = await permit.ask(plainRequest(by, 'publish', [...topics]))
      idempotencyKey = ownKey(idempotencyKey, grant)
    }
    charge = rates.charge(events)
    const bytes = events.reduce((sum, { data }) => sum + measureUtf8(data), 0)
    size = { events: events.length, bytes }
    began = clock.elapsed()
    const positions = await log
      .append({ events, idempotencyKey, patienceMs, ifHead })
      .catch((error: unknown) => wrapKeyError(batch.idempotencyKey, error))
    const last = positions.at(-1)
    if (last === undefined)
      throw new ServerError('LOG_UNAVAILABLE', 'The log gave no position for the events.')
    charge?.settle(last)
    charge = undefined
    watch.published(size, 'stored', began)
    return { cursor: formatCursor(last), events }
  } catch (error) {
    charge?.giveBack()
    // A log that answers that a key was used for other events refuses; it has not failed.
    const isClients = error instanceof ServerError && !error.isPassing
    if (size === undefined || isClients) watch.refused('publish', error)
    else watch.published(size, 'failed', began)
    throw error
  }
}

/** The events of one publish, checked. */
interface CheckedBatch {
  readonly events: readonly NewEvent[]
  readonly topics: ReadonlySet<Topic>
  readonly idempotencyKey: string | undefined
  readonly ifHead: Position | undefined
  readonly by: RequestFacts | undefined
}

function checkInputs(
  { eventBytesMax }: NodeSettings,
  given: readonly TopicInput[],
  options: PublishOptions,
): CheckedBatch {
  const inputs = readList(given, { code: 'BATCH_INVALID', what: 'The events of a publish' })
  if (inputs.length === 0 || inputs.length > publishEventsMax) {
    throw new ServerError(
      'BATCH_INVALID',
      `A publish holds 1 to ${publishEventsMax} events; got ${inputs.length}. ${inputs.length === 0 ? 'Give it one.' : 'Split it into several requests.'}`,
    )
  }
  return checkBatch(
    inputs.map((input) => toNewEvent(input, eventBytesMax)),
    options,
  )
}

function checkBatch(events: readonly NewEvent[], options: PublishOptions): CheckedBatch {
  const { idempotencyKey, ifHead, by } = readMembers(options, ['idempotencyKey', 'ifHead', 'by'], {
    code: 'OPTION_INVALID',
    what: 'The options of a publish',
  })
  requirePublisherKey(idempotencyKey)
  const topics = new Set(events.map(({ topic }) => topic))
  return { events, topics, idempotencyKey, ifHead: readHead(ifHead, topics), by }
}

/** A cursor may have parts that say more of the session it comes from: the place alone counts. */
function readHead(ifHead: string | undefined, topics: ReadonlySet<Topic>): Position | undefined {
  if (ifHead === undefined) return undefined
  const head = typeof ifHead === 'string' ? parseCursor(ifHead)?.position : undefined
  if (head === undefined) {
    throw new ServerError(
      'QUERY_INVALID',
      `If-Head must be a cursor, as the answer to a publish, an event's id or a history has them; got ${quoteValue(ifHead)}.`,
    )
  }
  if (topics.size === 1) return head
  throw new ServerError(
    'BATCH_INVALID',
    `A publish with If-Head is of one topic; got ${topics.size} topics. Split it into several requests.`,
  )
}

/**
 * The hub's own keys decide claims of its ledgers (`openLedger`): a publisher could take one before its time.
 */
export function requirePublisherKey(key: string | undefined): void {
  if (typeof key !== 'string' || !key.startsWith('$hub/')) return
  throw new ServerError(
    'IDEMPOTENCY_KEY_INVALID',
    `Idempotency keys that begin with "$hub/" are the hub's own; got ${quote(key)}. Use another key.`,
  )
}
