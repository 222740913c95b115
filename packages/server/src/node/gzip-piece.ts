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
      block: new Block(bytes.length < gzipBytesMin ? store(bytes) : deflate(bytes)),
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

/** A stored block (RFC 1951 §3.2.4): five bytes more, and no compressor. */
function store(bytes: Uint8Array): Uint8Array {
  const piece = new Uint8Array(bytes.length + 5)
  const { length } = bytes
  piece.set([0, length & 0xff, length >>> 8, ~length & 0xff, (~length >>> 8) & 0xff])
  piece.set(bytes, 5)
  return piece
}
