// Bytes made once and written to many sockets.

const encoder = new TextEncoder()
const lineEnd = encoder.encode('\r\n')

/** A piece of a stream, ready for the wire, shared by all sessions that get it. */
export class Block {
  readonly bytes: Uint8Array
  /** Whether a compressed stream has it as it is. */
  isStored = false
  #chunk: Uint8Array | undefined

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  static fromText(text: string): Block {
    return new Block(encoder.encode(text))
  }

  /** One block of several; a single one is itself, so that its chunk is shared too. */
  static join(blocks: readonly Block[]): Block {
    const [only] = blocks
    if (only !== undefined && blocks.length === 1) return only
    const joined = new Block(concatenate(blocks.map((block) => block.bytes)))
    joined.isStored = blocks.some(({ isStored }) => isStored)
    return joined
  }

  /** The bytes as one chunk of HTTP/1.1 chunked transfer coding (RFC 9112 §7.1), made on first use. */
  get chunk(): Uint8Array {
    this.#chunk ??= concatenate([
      encoder.encode(`${this.bytes.length.toString(16)}\r\n`),
      this.bytes,
      lineEnd,
    ])
    return this.#chunk
  }
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}
