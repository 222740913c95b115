// The incremental decoder: chunks of bytes or text in, events out.

import { ByteReader } from './byte-reader.ts'
import type { DecoderHandler } from './decoder-handler.ts'
import { checkHandler, isBytes, readOptions, refuseChunk } from './decoder-input.ts'
import { WireError } from './errors.ts'
import { EventAssembler } from './event-assembler.ts'
import { eventCharactersMaxDefault } from './limits.ts'
import { LineSplitter } from './line-splitter.ts'
import { quoteValue } from './quote.ts'

/** Options of {@link createDecoder}. */
export interface DecoderOptions {
  /** The last event id before the first event, when a stream is resumed. Default empty. */
  readonly lastEventId?: string | undefined
  /**
   * Characters of one event, from its first line to its blank line. Default 16 Mi. Characters are
   * UTF-16 code units. UTF-8 has as many bytes or more, up to 3 times as many.
   */
  readonly eventCharactersMax?: number | undefined
  /** Characters of one line, comments included. Default `eventCharactersMax`. */
  readonly lineCharactersMax?: number | undefined
}

/** Decodes one stream; a reconnect is another stream and takes another decoder. */
export interface Decoder {
  /**
   * Takes the next chunk, cut anywhere, and calls the handler for what is complete.
   *
   * It may throw because of a limit, a chunk of the wrong type, or the handler. Then the rest of
   * the chunk is lost, and the decoder drops what it holds and refuses further chunks.
   * @throws WireError `LINE_TOO_LONG`, `EVENT_TOO_LARGE`, `DECODER_CHUNK_INVALID`, `DECODER_ENDED`
   */
  push(chunk: Uint8Array | string): void
  /**
   * Ends the stream. An event without its blank line is dropped, as the specification asks. A call
   * from within the handler takes effect after the chunk.
   */
  end(): void
  /** The value for `Last-Event-ID` of a reconnect: the id in force at the last blank line. */
  readonly lastEventId: string
}

/**
 * Creates a decoder for one stream after the WHATWG rules, HTML §9.2.5 and §9.2.6.
 *
 * The decoder works in linear time however the stream is cut. It holds one event and one line at
 * most.
 * @throws WireError `DECODER_LIMIT_INVALID` for a limit that is no whole number from 1 up;
 *   `DECODER_OPTION_INVALID`
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 * @example
 * ```ts
 * import { createDecoder } from '@tidemark/wire'
 *
 * const decoder = createDecoder({ event: ({ id, type, data }) => console.log(id, type, data) })
 * decoder.push('id: 7\nevent: paid\nda')
 * decoder.push('ta: {"total":12}\n\n')
 * ```
 */
export function createDecoder(handler: DecoderHandler, options: DecoderOptions = {}): Decoder {
  checkHandler(handler)
  return new StreamDecoder(handler, readOptions(options))
}

class StreamDecoder implements Decoder {
  readonly #bytes = new ByteReader()
  readonly #assembler: EventAssembler
  #splitter: LineSplitter | undefined
  #isAtStart = true
  #failure: unknown

  constructor(handler: DecoderHandler, options: DecoderOptions) {
    const { lastEventId = '', eventCharactersMax = eventCharactersMaxDefault } = options
    const { lineCharactersMax = eventCharactersMax } = options
    checkLimit('eventCharactersMax', eventCharactersMax)
    checkLimit('lineCharactersMax', lineCharactersMax)
    this.#assembler = new EventAssembler(handler, { lastEventId, eventCharactersMax })
    this.#splitter = new LineSplitter(this.#assembler, lineCharactersMax)
  }

  get lastEventId(): string {
    return this.#assembler.lastEventId
  }

  push(chunk: Uint8Array | string): void {
    const splitter = this.#splitter
    if (splitter === undefined) throw this.#ended()
    let text: string
    if (typeof chunk === 'string') text = this.#bytes.flush() + chunk
    else if (isBytes(chunk)) text = this.#bytes.read(chunk)
    else throw this.#fail(refuseChunk(chunk))
    if (this.#isAtStart && text !== '') {
      this.#isAtStart = false
      if (text.startsWith('\uFEFF')) text = text.slice(1)
    }
    try {
      splitter.push(text)
    } catch (error) {
      throw this.#fail(error)
    }
  }

  #fail(error: unknown): unknown {
    this.#failure = error
    this.end()
    return error
  }

  end(): void {
    this.#splitter = undefined
    this.#assembler.drop()
  }

  #ended(): WireError {
    const why = this.#failure === undefined ? 'ended' : 'failed'
    return new WireError(
      'DECODER_ENDED',
      `The decoder has ${why}; got another chunk. Create a decoder for the next stream.`,
      {
        cause: this.#failure,
      },
    )
  }
}

function checkLimit(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return
  throw new WireError(
    'DECODER_LIMIT_INVALID',
    `${name} must be a whole number of characters from 1 up; got ${quoteValue(value)}. Leave it out for the default.`,
  )
}
