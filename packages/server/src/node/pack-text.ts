// Compresses the text of a single event.

import { gzipSync } from 'node:zlib'

/** gzip (RFC 1952) in base64. */
export function packText(text: string): string {
  return gzipSync(text).toString('base64')
}
