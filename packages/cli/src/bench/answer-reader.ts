// One HTTP/1.1 answer (RFC 9112) out of bytes that are cut anywhere.

import { ChunkDecoder, PlainDecoder } from './chunk-decoder.ts'
import type { BodyDecoder } from './chunk-decoder.ts'
import { headBytesMax } from './limits.ts'

/** Status and fields. */
export interface ResponseHead {
  readonly status: number
  /** By their names in lower case; of a repeated field the last. */
  readonly fields: ReadonlyMap<string, string>
}

/** Takes the parts of an answer as they are read. */
export interface AnswerHandler {
  opened(head: ResponseHead): void
  /** A part of the body, with transfer codings taken off. */
  body(slice: Uint8Array): void
}

/** Reads an answer; throws at the first byte that must not be there. */
export class AnswerReader {
  readonly #handler: AnswerHandler
  readonly #onBody: (slice: Uint8Array) => void
  readonly #head = new HeadReader()
  #body: BodyDecoder | undefined

  constructor(handler: AnswerHandler) {
    this.#handler = handler
    this.#onBody = (slice) => handler.body(slice)
  }

  get hasHead(): boolean {
    return this.#body !== undefined
  }

  /** Whether the whole answer has been read; its connection may stay open. */
  get isComplete(): boolean {
    return this.#body?.isComplete === true
  }

  /** @throws Error with what is wrong with the answer */
  push(bytes: Uint8Array): void {
    if (this.#body !== undefined) {
      this.#body.push(bytes, this.#onBody)
      return
    }
    const read = this.#head.push(bytes)
    if (read === undefined) return
    this.#body = chooseBodyDecoder(read.head)
    this.#handler.opened(read.head)
    this.#body.push(read.rest, this.#onBody)
  }
}

/** Gathers a head from bytes that are cut anywhere. */
class HeadReader {
  #text = ''

  /**
   * Takes the next bytes. Undefined until the head is complete, then the head and the bytes after it.
   * @throws Error when this is no HTTP answer, or its head has no end
   */
  push(bytes: Uint8Array): { readonly head: ResponseHead; readonly rest: Uint8Array } | undefined {
    const before = this.#text.length
    this.#text += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    if (!'HTTP/1.'.startsWith(this.#text.slice(0, 7))) throw new Error('the answer is not HTTP/1.1')
    const end = this.#text.indexOf('\r\n\r\n')
    if (end === -1) {
      if (this.#text.length > headBytesMax) throw new Error('the head of the answer has no end')
      return undefined
    }
    const rest = bytes.subarray(end + 4 - before)
    const head = parseHead(this.#text.slice(0, end))
    // 103 Early Hints and the like: the real head follows.
    if (head.status >= 200) return { head, rest }
    this.#text = ''
    return this.push(rest)
  }
}

/** The decoder for the body of this answer. */
function chooseBodyDecoder({ fields }: ResponseHead): BodyDecoder {
  if (/\bchunked\b/i.test(fields.get('transfer-encoding') ?? '')) return new ChunkDecoder()
  const length = fields.get('content-length')
  return new PlainDecoder(
    length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined,
  )
}

function parseHead(text: string): ResponseHead {
  const [statusLine = '', ...lines] = text.split('\r\n')
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1]
  if (status === undefined) throw new Error('the answer is not HTTP/1.1')
  const fields = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon > 0) fields.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
  return { status: Number(status), fields }
}
