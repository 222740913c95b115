// From what a publisher hands in to an event the log may take.

import { eventKeyLengthMax, eventTypeLengthMax, parseTopic } from '@tidemark/log'
import type { NewEvent, Topic } from '@tidemark/log'
import { controlPrefix } from './control-events.ts'
import { ServerError } from './errors.ts'
import { wrapLogError } from './log-faults.ts'
import { quote } from './quote.ts'

/** An event as a publisher hands it in. */
export interface PublishInput {
  /** SSE event type; default `message`. Not `tidemark.…`, no line break. */
  readonly type?: string | undefined
  /** Text goes out as it is; anything else as JSON. */
  readonly data: unknown
  /** What the event is about, for topics with `latestBy: 'key'`. */
  readonly key?: string | undefined
}

/**
 * Checks an event to publish.
 * @throws ServerError `TOPIC_INVALID`, `TOPIC_RESERVED`, `EVENT_…`
 */
export function toNewEvent(topic: string, input: PublishInput, eventBytesMax: number): NewEvent {
  return {
    topic: checkTopic(topic),
    type: checkType(input.type),
    data: checkData(input.data, eventBytesMax),
    key: checkKey(input.key),
  }
}

function checkTopic(text: string): Topic {
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

function checkType(type: string | undefined): string | undefined {
  if (type === undefined || type === '') return undefined
  const fault = describeTypeFault(type)
  if (fault === undefined) return type
  throw new ServerError('EVENT_TYPE_INVALID', `An event type ${fault}; got ${quote(type)}.`)
}

function describeTypeFault(type: string): string | undefined {
  if (type.length > eventTypeLengthMax) return `may have ${eventTypeLengthMax} characters at most`
  if (/[\r\n\0]/.test(type)) return 'must not hold a line break or NUL'
  if (!type.isWellFormed()) return 'must be well-formed Unicode'
  if (type.startsWith(controlPrefix))
    return `must not begin with "${controlPrefix}", which is the hub's own`
  return undefined
}

function checkData(data: unknown, eventBytesMax: number): string {
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
    // A circle, a bigint, or nesting deeper than the call stack.
    const reason = error instanceof Error ? error.message.split('\n', 1)[0] : String(error)
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

function checkKey(key: string | undefined): string | undefined {
  if (key === undefined) return undefined
  // oxlint-disable-next-line no-control-regex -- finding control characters is the point
  const isClean = !/[\u0000-\u001f\u007f-\u009f]/.test(key) && key.isWellFormed()
  if (isClean && key.length > 0 && key.length <= eventKeyLengthMax) return key
  throw new ServerError(
    'EVENT_KEY_INVALID',
    `An event's key has 1 to ${eventKeyLengthMax} characters and no control characters; got ${quote(key)}.`,
  )
}
