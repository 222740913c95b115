// The weight of a record in `maxBytes`.

import type { NewEvent } from './event-log.ts'
import { recordOverheadBytes } from './limits.ts'

const utf8 = new TextEncoder()

/** Bytes of an event as a record: its texts in UTF-8, and the overhead of every record. */
export function measureRecord({ topic, type, data, key }: NewEvent): number {
  return (
    recordOverheadBytes +
    measureUtf8(topic) +
    measureUtf8(data) +
    (type === undefined ? 0 : measureUtf8(type)) +
    (key === undefined ? 0 : measureUtf8(key))
  )
}

/** Bytes of a well-formed text in UTF-8. */
export function measureUtf8(text: string): number {
  // Below ~500 characters counting is faster than the encoder's allocation.
  if (text.length > 500) return utf8.encode(text).length
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x80) continue
    // Each half of a surrogate pair counts 2 of the pair's 4 bytes.
    bytes += code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 1 : 2
  }
  return bytes
}
