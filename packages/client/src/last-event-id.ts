// An event's id as a header, where one can carry it: WHATWG HTML §9.2.3, RFC 9110 §5.5.

import { isFieldValue } from './headers.ts'
import { lastEventIdBytesMax } from './limits.ts'

/**
 * The id's UTF-8 with one character per byte, as EventSource sends it. Undefined when no header can
 * carry it: a control character, more than {@link lastEventIdBytesMax}, nothing but spaces.
 */
export function encodeLastEventId(id: string): string | undefined {
  if (id.length > lastEventIdBytesMax) return undefined
  const bytes = new TextEncoder().encode(id)
  if (bytes.length > lastEventIdBytesMax) return undefined
  const value = String.fromCharCode(...bytes)
  // Spaces around a value are no part of it, so an id of spaces would arrive as none.
  return isFieldValue(value) && /[^ \t]/.test(value) ? value : undefined
}
