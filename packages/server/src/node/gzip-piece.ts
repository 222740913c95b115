// A block as a piece of a gzip stream, made once for all sessions that accept one.

import { constants, crc32, deflateRawSync } from 'node:zlib'
import { Block } from '../framing/block.ts'
import { shiftOver } from './crc32.ts'
import type { Crc32Shift } from './crc32.ts'
import { gzipBytesMin } from '../limits.ts'

/** Compressed bytes that end on a byte and look back at nothing before them, so they can follow anything. */
export interface GzipPiece {
  readonly block: Block
  /** Bytes before compression. */
  readonly length: number
  readonly crc: number
  readonly shift: Crc32Shift
}

const pieces = new WeakMap<Block, GzipPiece>()

/** The piece of a block, made when it is first asked for. */
export function toGzipPiece(block: Block): GzipPiece {
  let piece = pieces.get(block)
  if (piece === undefined) {
    const { bytes } = block
    piece = {
      block: new Block(
        block.isStored || bytes.length < gzipBytesMin ? store(bytes) : deflate(bytes),
      ),
      length: bytes.length,
      crc: crc32(bytes),
      shift: shiftOver(bytes.length),
    }
    pieces.set(block, piece)
  }
  return piece
}

function deflate(bytes: Uint8Array): Uint8Array {
  // A copy of its own size. The piece that zlib gives is a view of a buffer of at least 16 KiB. That buffer
  // would live as long as the record is recent.
  return new Uint8Array(deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }))
}

/** The most bytes that one stored block holds. */
const storedBytesMax = 0xffff

/** Stored blocks (RFC 1951 §3.2.4): five bytes more for each, and no compressor. */
function store(bytes: Uint8Array): Uint8Array {
  const count = Math.max(1, Math.ceil(bytes.length / storedBytesMax))
  const piece = new Uint8Array(bytes.length + 5 * count)
  for (let i = 0; i < count; i++) {
    const part = bytes.subarray(i * storedBytesMax, (i + 1) * storedBytesMax)
    const { length } = part
    const at = i * (storedBytesMax + 5)
    piece.set([0, length & 0xff, length >>> 8, ~length & 0xff, (~length >>> 8) & 0xff], at)
    piece.set(part, at + 5)
  }
  return piece
}
