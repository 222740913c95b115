// An application's own events, comments and delays as text for the wire, checked as those of a publisher are.

import { measureUtf8 } from '@tidemark/log/values'
import { WireError, encodeComment, encodeEvent, encodeRetry } from '@tidemark/wire'
import { ServerError } from '../errors.ts'
import type { StreamEvent } from './event-stream.ts'
import { eventBytesMax } from '../limits.ts'
import { ownIdLengthMax } from './limits.ts'
import { checkData, checkType } from '../publish/new-event.ts'
import { quoteValue } from '@tidemark/wire/values'
import { readMembers } from '../read-members.ts'

/** @throws ServerError `EVENT_…` */
export function encodeOwnEvent(event: StreamEvent): string {
  const { type, data, id } = readMembers(event, ['type', 'data', 'id'], {
    code: 'EVENT_INVALID',
    what: 'An event of a stream',
  })
  return encodeEvent({
    id: checkId(id),
    event: checkType(type),
    data: checkData(data, eventBytesMax),
  })
}

/** @throws ServerError `EVENT_INVALID`, `EVENT_TOO_LARGE` */
export function encodeOwnComment(text: string): string {
  if (typeof text !== 'string') throw invalid(`A comment is text; got ${quoteValue(text)}.`)
  // A UTF-16 unit is at most 3 bytes of UTF-8, so only texts near the limit are measured.
  const bytes = text.length * 3 > eventBytesMax ? measureUtf8(text) : 0
  if (bytes > eventBytesMax) {
    throw new ServerError(
      'EVENT_TOO_LARGE',
      `A comment may have ${eventBytesMax} bytes; got ${bytes}. Split it.`,
    )
  }
  try {
    return encodeComment(text)
  } catch (error) {
    if (error instanceof WireError) throw invalid(error.message, error)
    throw error
  }
}

/** @throws ServerError `EVENT_INVALID` */
export function encodeOwnRetry(ms: number): string {
  if (Number.isSafeInteger(ms) && ms >= 0) return encodeRetry(ms)
  throw invalid(`A delay is a whole number of milliseconds from 0 up; got ${quoteValue(ms)}.`)
}

/**
 * Clients send ids back in a header, which must not change them: no spaces at the ends, and ASCII (RFC 9110
 * §5.5).
 */
const idShape = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

function checkId(id: string | undefined): string | undefined {
  if (id === undefined) return undefined
  if (typeof id === 'string' && id.length <= ownIdLengthMax && idShape.test(id)) return id
  throw new ServerError(
    'EVENT_ID_INVALID',
    `The id of an event has 1 to ${ownIdLengthMax} characters of visible ASCII, because clients send it back in a header; got ${quoteValue(id)}.`,
  )
}

function invalid(message: string, cause?: unknown): ServerError {
  return new ServerError('EVENT_INVALID', message, { cause })
}
