// From what a publisher hands in to an event the log may take.

import { eventKeyLengthMax, eventTypeLengthMax, parseTopic } from '@tidemark/log'
import type { EventTags, NewEvent, Topic } from '@tidemark/log'
import { quote, quoteValue } from '@tidemark/wire/values'
import { controlPrefix } from '../framing/control-events.ts'
import type { OwnEvent } from '../framing/envelope.ts'
import { ServerError } from '../errors.ts'
import { checkPermission, checkTags, checkTtl } from './check-extras.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import { readMembers } from '../read-members.ts'

/** An event as a publisher hands it in. */
export interface PublishInput {
  /** SSE event type; default `message`. Not `tidemark.…`, no line break. */
  readonly type?: string | undefined
  /** Text goes out as it is; anything else as JSON. */
  readonly data: unknown
  /** The thing that the event is about, for topics with `latestBy: 'key'`. */
  readonly key?: string | undefined
  /**
   * Small texts by which readers choose among the events of a topic, such as `{ region: 'eu' }`. At most
   * 16; a name has 1 to 64 characters and no colon, a value up to 256.
   */
  readonly tags?: EventTags | undefined
  /**
   * Only those whose grant has this permission get the event; of streams without a grant none. 1 to 128
   * characters. Default: everybody who may read the topic.
   */
  readonly permission?: string | undefined
  /**
   * How long the event is worth something, in milliseconds, up to 366 days. After that nobody gets it any
   * more. On topics with `latestBy: 'key'` the end of a value is told by a `tidemark.deleted` event. Default:
   * as long as the topic keeps it.
   */
  readonly ttlMs?: number | undefined
}

/** An event for one session: it is in no log, so it has no end. */
export interface SessionInput extends Omit<PublishInput, 'ttlMs'> {
  readonly topic?: string | undefined
}

/** An event to publish together with others, with its topic. */
export interface TopicInput extends PublishInput {
  readonly topic: string
}

/**
 * Checks an event to publish.
 * @throws ServerError `TOPIC_INVALID`, `TOPIC_RESERVED`, `EVENT_…`
 */
export function toNewEvent(input: TopicInput, eventBytesMax: number): NewEvent {
  const members = readMembers(input, ['topic', ...inputNames], anEvent)
  const { topic, type, data, key, tags, permission, ttlMs } = members
  return {
    topic: checkTopic(topic),
    type: checkType(type),
    data: checkData(data, eventBytesMax),
    key: checkKey(key),
    tags: checkTags(tags),
    permission: checkPermission(permission),
    ttlMs: checkTtl(ttlMs),
  }
}

/**
 * Checks an event for one session alone, as one to publish.
 * @throws ServerError `TOPIC_INVALID`, `TOPIC_RESERVED`, `EVENT_…`
 */
export function toOwnEvent(
  input: SessionInput,
  { eventBytesMax, time }: { readonly eventBytesMax: number; readonly time: number },
): OwnEvent {
  const { topic, type, data, key, tags, permission } = readMembers(input, sessionNames, anEvent)
  const checkedTags = checkTags(tags)
  return {
    topic: topic === undefined ? undefined : checkTopic(topic),
    type: checkType(type) ?? 'message',
    data: checkData(data, eventBytesMax),
    key: checkKey(key),
    ...(checkedTags === undefined ? {} : { tags: checkedTags }),
    permission: checkPermission(permission),
    time,
  }
}

/**
 * Reads an event whose topic is said beside it.
 * @throws ServerError `EVENT_INVALID`
 */
export function addTopic(topic: string, input: PublishInput): TopicInput {
  return { data: undefined, ...readMembers(input, inputNames, anEvent), topic }
}

const sessionNames = ['topic', 'type', 'data', 'key', 'tags', 'permission'] as const
const inputNames = ['type', 'data', 'key', 'tags', 'permission', 'ttlMs'] as const

const anEvent = { code: 'EVENT_INVALID', what: 'An event to publish' } as const

function checkTopic(text: string = ''): Topic {
  let topic: Topic
  try {
    topic = parseTopic(text)
  } catch (error) {
    return wrapLogError(error)
  }
  if (topic.startsWith('$')) {
    throw new ServerError(
      'TOPIC_RESERVED',
      `Topics that begin with "$" are the hub's own; got ${quote(topic)}. Publish to another topic.`,
    )
  }
  if (topic.startsWith(controlPrefix)) {
    throw new ServerError(
      'TOPIC_RESERVED',
      `A topic must not begin with "${controlPrefix}", because a stream with event=topic would show its events as the hub's own; got ${quote(topic)}.`,
    )
  }
  return topic
}

/** @throws ServerError `EVENT_TYPE_INVALID` */
export function checkType(type: string | undefined): string | undefined {
  if (type === undefined || type === '') return undefined
  const fault = describeTypeFault(type)
  if (fault === undefined) return type
  throw new ServerError('EVENT_TYPE_INVALID', `An event type ${fault}; got ${quoteValue(type)}.`)
}

function describeTypeFault(type: string): string | undefined {
  if (typeof type !== 'string') return 'must be text'
  if (type.length > eventTypeLengthMax) return `may have ${eventTypeLengthMax} characters at most`
  if (/[\r\n\0]/.test(type)) return 'must not hold a line break or NUL'
  if (!type.isWellFormed()) return 'must be well-formed Unicode'
  if (type.startsWith(controlPrefix))
    return `must not begin with "${controlPrefix}", which is the hub's own`
  return undefined
}

/**
 * The text of an event's data.
 * @throws ServerError `EVENT_INVALID`, `EVENT_DATA_INVALID`, `EVENT_TOO_LARGE`
 */
export function checkData(data: unknown, eventBytesMax: number): string {
  const text = typeof data === 'string' ? data : toJson(data)
  if (!text.isWellFormed()) {
    throw new ServerError(
      'EVENT_DATA_INVALID',
      'The data holds half of a surrogate pair, which UTF-8 cannot carry. Send well-formed Unicode, or encode binary data as base64.',
    )
  }
  // A UTF-16 unit is at most 3 bytes of UTF-8, so only texts near the limit are measured.
  if (text.length * 3 > eventBytesMax) {
    const bytes = new TextEncoder().encode(text).length
    if (bytes > eventBytesMax) {
      throw new ServerError(
        'EVENT_TOO_LARGE',
        `The data of an event may have ${eventBytesMax} bytes; got ${bytes}. Split it, or publish a link to it.`,
      )
    }
  }
  return text
}

function toJson(data: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(data)
  } catch (error) {
    // A circle, a bigint, nesting deeper than the call stack, or whatever a getter or `toJSON` throws.
    const reason = describeThrown(error)
    throw new ServerError(
      'EVENT_INVALID',
      `The data cannot be written as JSON: ${reason}. Hand in text, or a plain JSON value.`,
      { cause: error },
    )
  }
  if (text !== undefined) return text
  throw new ServerError(
    'EVENT_INVALID',
    `An event needs data, text or a JSON value; got ${typeof data}.`,
  )
}

/** The first line of what was thrown, which need not be an error, nor let itself be looked at. */
function describeThrown(error: unknown): string {
  try {
    return String(error instanceof Error ? error.message : error).split('\n', 1)[0] ?? ''
  } catch {
    return quoteValue(error)
  }
}

function checkKey(key: string | undefined): string | undefined {
  if (key === undefined) return undefined
  if (typeof key === 'string' && isKey(key)) return key
  throw new ServerError(
    'EVENT_KEY_INVALID',
    `An event's key has 1 to ${eventKeyLengthMax} characters and no control characters; got ${quoteValue(key)}.`,
  )
}

function isKey(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- finding control characters is the point
  const isClean = !/[\u0000-\u001f\u007f-\u009f]/.test(text) && text.isWellFormed()
  return isClean && text.length > 0 && text.length <= eventKeyLengthMax
}
