// The body of an HTTP/1.1 answer out of its chunks (RFC 9112, §7.1), without copying it. A byte out of
// place is an error, not a guess.

/** Takes a body apart. */
export interface BodyDecoder {
  /** Takes the next bytes, cut anywhere. The slices handed to `onBody` are views of `bytes`. */
  push(bytes: Uint8Array, onBody: (slice: Uint8Array) => void): void
  /** The body is complete; the server ended it in good order. */
  readonly isComplete: boolean
}

type State = 'size' | 'extension' | 'data' | 'data-end' | 'trailer' | 'done'

const lineFeed = 10
const carriageReturn = 13
const semicolon = 59
/** Hexadecimal digits of a size that is still an exact number. */
const sizeDigitsMax = 12

/** Decodes `Transfer-Encoding: chunked`. */
export class ChunkDecoder implements BodyDecoder {
  #state: State = 'size'
  #left = 0
  #digits = 0
  #trailerLength = 0
  #isAfterReturn = false

  get isComplete(): boolean {
    return this.#state === 'done'
  }

  /** @throws Error when the bytes are no chunks */
  push(bytes: Uint8Array, onBody: (slice: Uint8Array) => void): void {
    let at = 0
    while (at < bytes.length) {
      if (this.#state === 'data') {
        const end = Math.min(bytes.length, at + this.#left)
        onBody(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end))
        this.#left -= end - at
        at = end
        if (this.#left === 0) this.#state = 'data-end'
      } else {
        this.#readFraming(bytes[at] ?? 0)
        at++
      }
    }
  }

  /** Everything that is not data is lines that end with CRLF. */
  #readFraming(byte: number): void {
    const isLineEnd = this.#isAfterReturn && byte === lineFeed
    if (this.#state === 'done' || this.#isAfterReturn !== (byte === lineFeed)) throw broken(byte)
    this.#isAfterReturn = byte === carriageReturn
    if (isLineEnd) this.#endLine()
    else if (byte !== carriageReturn) this.#readInLine(byte)
  }

  #readInLine(byte: number): void {
    if (this.#state === 'size') this.#readSize(byte)
    // Trailer fields mean nothing to a stream; an empty line ends them and the body.
    else if (this.#state === 'trailer') this.#trailerLength++
    else if (this.#state === 'data-end') throw broken(byte)
  }

  #readSize(byte: number): void {
    const digit = hexDigit(byte)
    if (digit !== undefined && this.#digits < sizeDigitsMax) {
      this.#left = this.#left * 16 + digit
      this.#digits++
    } else if (byte === semicolon && this.#digits > 0) this.#state = 'extension'
    else throw broken(byte)
  }

  #endLine(): void {
    if (this.#state === 'data-end') this.#state = 'size'
    else if (this.#state === 'trailer') {
      if (this.#trailerLength === 0) this.#state = 'done'
      this.#trailerLength = 0
    } else {
      if (this.#digits === 0) throw broken(lineFeed)
      this.#state = this.#left === 0 ? 'trailer' : 'data'
      this.#digits = 0
    }
  }
}

/** A body without chunks: of a known length, or up to the connection's end. */
export class PlainDecoder implements BodyDecoder {
  #left: number

  constructor(length: number | undefined) {
    this.#left = length ?? Infinity
  }

  get isComplete(): boolean {
    return this.#left === 0
  }

  push(bytes: Uint8Array, onBody: (slice: Uint8Array) => void): void {
    const slice = bytes.length <= this.#left ? bytes : bytes.subarray(0, this.#left)
    this.#left -= slice.length
    if (slice.length > 0) onBody(slice)
  }
}

function hexDigit(byte: number): number | undefined {
  if (byte >= 48 && byte <= 57) return byte - 48
  const letter = byte | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : undefined
}

function broken(byte: number): Error {
  return new Error(`the answer's chunks are broken (byte ${byte})`)
}
