// A sink whose stream is compressed (RFC 1952), without a compressor of its own: it is put together from
// shared pieces.

import { Block } from '../framing/block.ts'
import type { Sink, SinkListener } from '../session/sink.ts'
import { appendCrc32 } from './crc32.ts'
import { toGzipPiece } from './gzip-piece.ts'

/** RFC 1952 §2.3: magic, deflate, no flags, no time, no hint, unknown system. */
const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff)

/** An empty last block (RFC 1951 §3.2.4), before checksum and length. */
const lastBlock = Uint8Array.of(1, 0, 0, 0xff, 0xff)

/** Compresses what goes to another sink. */
export function compressGzip(inner: Sink): Sink {
  return new GzipSink(inner)
}

/** Each block can be read as soon as it has arrived. */
class GzipSink implements Sink {
  readonly #inner: Sink
  #hasBegun = false
  #crc = 0
  #length = 0

  constructor(inner: Sink) {
    this.#inner = inner
  }

  listen(listener: SinkListener): void {
    this.#inner.listen(listener)
  }

  get bytesWaiting(): number {
    return this.#inner.bytesWaiting ?? 0
  }

  write(block: Block): boolean {
    const piece = toGzipPiece(block)
    this.#crc = appendCrc32(this.#crc, piece.crc, piece.shift)
    this.#length += piece.length
    if (this.#hasBegun) return this.#inner.write(piece.block)
    this.#hasBegun = true
    return this.#inner.write(Block.join([new Block(header), piece.block]))
  }

  end(): void {
    if (this.#hasBegun) this.#inner.write(this.#encodeTrailer())
    this.#inner.end()
  }

  abort(): void {
    this.#inner.abort()
  }

  /** Decoders that are strict call a stream without checksum and length (modulo 2^32) cut off. */
  #encodeTrailer(): Block {
    const trailer = new Uint8Array(lastBlock.length + 8)
    trailer.set(lastBlock)
    const view = new DataView(trailer.buffer, lastBlock.length)
    view.setUint32(0, this.#crc, true)
    view.setUint32(4, this.#length >>> 0, true)
    return new Block(trailer)
  }
}
