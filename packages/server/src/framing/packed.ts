// A single event as gzip in base64, for paths that pass no compressed stream: docs/PROTOCOL.md, "Compressed
// events".

import { measureUtf8 } from '@tidemark/log/values'
import { packCharactersMin } from '../limits.ts'

/**
 * Compresses a text with gzip (RFC 1952), and gives the bytes in base64 (RFC 4648 §4). Texts with the same
 * `name` are the same; one without a name is not wanted again.
 */
export type PackText = (text: string, name?: string) => string

/** The field line of a packed event: by this line alone a client can be sure. */
export const packedField = ['encoding', 'gzip+base64'] as const

const opening = '{"encoding":"gzip+base64","data":"'

/**
 * The envelope of data that is shorter in it; undefined for data that leaves as it is. A plain `EventSource`
 * sees no field lines. So data that only looks like an envelope gets one too, and can be told from ours.
 */
export function packData(data: string, pack: PackText, name?: string): string | undefined {
  const looksPacked = data.startsWith(opening)
  if (data.length < packCharactersMin && !looksPacked) return undefined
  // As a stream of plain data would bring the line breaks.
  const envelope = `${opening}${pack(data.replaceAll(/\r\n?/g, '\n'), name)}"}`
  return looksPacked || envelope.length < measureUtf8(data) ? envelope : undefined
}
