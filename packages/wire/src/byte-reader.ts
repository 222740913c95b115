// Turns chunks of bytes into text. Handles UTF-8 that is split across chunks; malformed bytes
// become U+FFFD.

const streaming: TextDecodeOptions = { stream: true }

/**
 * Gives the same text as one streaming `TextDecoder`. It is faster when a chunk ends with ASCII, as
 * almost every chunk does.
 */
export class ByteReader {
  // `ignoreBOM: true` keeps byte order marks: the decoder drops one, at the start of the stream.
  readonly #whole = new TextDecoder('utf-8', { ignoreBOM: true })
  readonly #split = new TextDecoder('utf-8', { ignoreBOM: true })
  #hasSplit = false

  read(bytes: Uint8Array): string {
    const last = bytes[bytes.length - 1]
    if (last === undefined) return ''
    // After an ASCII byte no character is incomplete, so this call may end its stream. Engines
    // decode a whole text several times faster than a part of a stream; bench/wire.ts, "bytes".
    const isWhole = last < 0x80
    if (isWhole && !this.#hasSplit) return this.#whole.decode(bytes)
    this.#hasSplit = !isWhole
    return isWhole ? this.#split.decode(bytes) : this.#split.decode(bytes, streaming)
  }

  /** The rest, when no more bytes follow: U+FFFD for a character cut off. */
  flush(): string {
    if (!this.#hasSplit) return ''
    this.#hasSplit = false
    return this.#split.decode()
  }
}
