// The weight of a record in `maxBytes`.

import type { NewEvent } from './event-log.ts'
import { recordOverheadBytes } from './limits.ts'

const utf8 = new TextEncoder()

/** Each count overwrites it. 128 characters take 36 ns this way, and 127 ns in a loop over them. */
const scratch = new Uint8Array(16 * 1024)

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

/** Bytes of a well-formed text in UTF-8, counted without holding them. */
export function measureUtf8(text: string): number {
  let bytes = 0
  for (let at = 0; at < text.length;) {
    const { read, written } = utf8.encodeInto(at === 0 ? text : text.slice(at), scratch)
    at += read
    bytes += written
  }
  return bytes
}
