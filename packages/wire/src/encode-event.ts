// The encoder: turns one event, comment or retry into text. It refuses input that would break the
// format, and repairs nothing.

import { WireError } from './errors.ts'
import { checkField, hasLineBreak } from './fields.ts'
import { fieldsMax } from './limits.ts'
import { quote, quoteValue } from './quote.ts'

/** The parts of one event. Every part is optional. Without `data` a browser dispatches nothing. */
export interface WireEvent {
  /** Becomes the last event id. No CR, LF or NUL. An empty id resets the last event id. */
  readonly id?: string | undefined
  /**
   * The event type. No CR or LF. Default `message`. That type and the empty one, which means the
   * same, are not written.
   */
  readonly event?: string | undefined
  /** The payload. CR, LF and CRLF start a new `data` line and are read back as LF. */
  readonly data?: string | undefined
  /** The reconnect delay asked of the client. Milliseconds, a whole number from 0 up. */
  readonly retry?: number | undefined
  /** Lines of other names, which parsers ignore unless they know them. At most 32. */
  readonly fields?: readonly (readonly [name: string, value: string])[] | undefined
}

/**
 * Encodes one event: `id`, `event`, other fields, `retry`, `data`, blank line.
 *
 * Half of a surrogate pair anywhere is refused (`EVENT_TEXT_INVALID`), because UTF-8 would silently
 * replace it.
 * @throws WireError `EVENT_INVALID`, `EVENT_ID_INVALID`, `EVENT_TYPE_INVALID`,
 *   `EVENT_FIELD_INVALID`, `EVENT_RETRY_INVALID`, `EVENT_TEXT_INVALID`
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 * @example
 * ```ts
 * import { encodeEvent } from '@tidemark/wire'
 *
 * encodeEvent({ id: '7', event: 'paid', data: '{"total":12}' })
 * // 'id: 7\nevent: paid\ndata: {"total":12}\n\n'
 * ```
 */
export function encodeEvent(event: WireEvent): string {
  const { id, event: type, fields, retry, data } = readEvent(event)
  let text = ''
  if (id !== undefined) text += encodeId(id)
  if (type !== undefined) text += encodeType(type)
  if (fields !== undefined) text += encodeFields(fields)
  if (retry !== undefined) text += encodeRetryLine(retry)
  if (data !== undefined) text += encodeLines('data: ', data)
  return requireWellFormed(`${text}\n`)
}

/** Reads each member once: a getter may throw, or return something else the next time. */
function readEvent(value: WireEvent): WireEvent {
  if (typeof value !== 'object' || value === null) {
    throw new WireError(
      'EVENT_INVALID',
      `An event is an object such as { data: 'hello' }; got ${quoteValue(value)}.`,
    )
  }
  try {
    const { id, event, fields, retry, data } = value
    return { id, event, fields, retry, data }
  } catch (cause) {
    throw new WireError('EVENT_INVALID', 'A member of the event throws when it is read.', {
      cause,
    })
  }
}

/**
 * Encodes a comment, which no parser hands to the page: one `: …` line per line of `text`, and a
 * blank line.
 * @throws WireError `EVENT_TEXT_INVALID`
 */
export function encodeComment(text: string): string {
  return requireWellFormed(`${encodeLines(': ', text)}\n`)
}

/**
 * Encodes the reconnect delay asked of the client, by itself.
 * @param ms milliseconds, a whole number from 0 up
 * @throws WireError `EVENT_RETRY_INVALID`
 */
export function encodeRetry(ms: number): string {
  return `${encodeRetryLine(ms)}\n`
}

function encodeId(id: string): string {
  if (typeof id !== 'string' || hasLineBreak(id) || id.includes('\0')) {
    throw new WireError(
      'EVENT_ID_INVALID',
      `Event id ${typeof id === 'string' ? 'must not contain CR, LF or NUL' : 'must be text'}; got ${quoteValue(id)}. Use the cursor the log gave you.`,
    )
  }
  return `id: ${id}\n`
}

function encodeType(type: string): string {
  if (type === 'message' || type === '') return ''
  if (typeof type !== 'string' || hasLineBreak(type)) {
    throw new WireError(
      'EVENT_TYPE_INVALID',
      `Event type ${typeof type === 'string' ? 'must not contain CR or LF' : 'must be text'}; got ${quoteValue(type)}. Use a word such as "paid".`,
    )
  }
  return `event: ${type}\n`
}

function encodeFields(fields: readonly (readonly [name: string, value: string])[]): string {
  const pairs = readPairs(fields)
  if (pairs.length > fieldsMax) {
    throw new WireError(
      'EVENT_FIELD_INVALID',
      `An event may have ${fieldsMax} extra fields at most; got ${pairs.length}. Put the rest into the data.`,
    )
  }
  let text = ''
  for (const [name, value] of pairs) {
    checkField(name, value)
    text += `${name}: ${value}\n`
  }
  return text
}

function readPairs(
  fields: readonly (readonly [name: string, value: string])[],
): readonly (readonly [name: string, value: string])[] {
  try {
    if (Array.isArray(fields) && fields.every((pair) => Array.isArray(pair)))
      return fields.map(([name, value]) => [name, value])
  } catch (cause) {
    throw new WireError(
      'EVENT_FIELD_INVALID',
      'A field is a pair of its name and value, such as ["topic", "orders/42"].',
      { cause },
    )
  }
  throw new WireError(
    'EVENT_FIELD_INVALID',
    `fields is an array of pairs of name and value; got ${quoteValue(fields)}.`,
  )
}

function encodeRetryLine(ms: number): string {
  if (!Number.isSafeInteger(ms) || ms < 0) {
    throw new WireError(
      'EVENT_RETRY_INVALID',
      `Retry must be a whole number of milliseconds from 0 up; got ${quoteValue(ms)}. Round it.`,
    )
  }
  return `retry: ${ms}\n`
}

function encodeLines(prefix: string, text: string): string {
  if (typeof text !== 'string') {
    throw new WireError(
      'EVENT_TEXT_INVALID',
      `Data and comments are text; got ${quoteValue(text)}. Encode other values, for example as JSON.`,
    )
  }
  if (!hasLineBreak(text)) return `${prefix}${text}\n`
  return `${prefix}${text.replaceAll(/\r\n|\r|\n/g, `\n${prefix}`)}\n`
}

/**
 * Checks the whole text once. The line breaks and names between two texts keep halves of theirs
 * from forming a pair.
 */
function requireWellFormed(text: string): string {
  if (text.isWellFormed()) return text
  const at = text.search(/\p{Surrogate}/u)
  throw new WireError(
    'EVENT_TEXT_INVALID',
    `A text must not hold half of a surrogate pair; got ${quote(text.slice(Math.max(0, at - 20), at + 20))}. Apply toWellFormed() or cut texts between characters.`,
  )
}
