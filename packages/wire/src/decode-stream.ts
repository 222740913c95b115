// Decodes a web stream, such as the body of a fetch response.

import { createDecoder } from './decoder.ts'
import type { DecoderOptions } from './decoder.ts'
import type { DecodedEvent, DecoderHandler } from './decoder-handler.ts'
import { readHandler, requireMethod } from './decoder-input.ts'

/** Options of {@link decodeStream}: those of a decoder, and a handler for all but events. */
export interface DecodeStreamOptions extends DecoderOptions {
  /** Called for `retry` and comment lines, and ids without data, as they are read. */
  readonly handler?: Omit<DecoderHandler, 'event'> | undefined
}

/**
 * Yields the events of a stream of bytes. Reads on when the caller asks for the next event. Leaving
 * the loop cancels the stream.
 * @throws WireError `DECODER_OPTION_INVALID`, `DECODER_LIMIT_INVALID`, `DECODER_CHUNK_INVALID`, and
 *   `LINE_TOO_LONG`, `EVENT_TOO_LARGE` after the events before it; and what the stream fails with
 * @example
 * ```ts
 * import { decodeStream } from '@tidemark/wire'
 *
 * const response = await fetch('http://127.0.0.1:7070/events?topic=orders/42')
 * if (response.body !== null) {
 *   for await (const event of decodeStream(response.body)) console.log(event.type, event.data)
 * }
 * ```
 */
export async function* decodeStream(
  stream: ReadableStream<Uint8Array>,
  options: DecodeStreamOptions = {},
): AsyncGenerator<DecodedEvent, void, undefined> {
  requireMethod('stream', stream, 'getReader')
  const handler = readHandler(options)
  const events: DecodedEvent[] = []
  const decoder = createDecoder(
    {
      event: (event) => events.push(event),
      retry: (ms) => handler?.retry?.(ms),
      comment: (text) => handler?.comment?.(text),
      id: (id) => handler?.id?.(id),
    },
    options,
  )
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const failure = tryPush(() => decoder.push(value))
      yield* events.splice(0)
      if (failure !== undefined) throw failure.error
    }
  } finally {
    // The caller already knows the outcome. A stream that failed cannot be cancelled, and throws
    // its error again.
    await reader.cancel().catch(() => {})
    reader.releaseLock()
  }
}

/** The error is held back until the events before it have been yielded. */
function tryPush(push: () => void): { readonly error: unknown } | undefined {
  try {
    push()
    return undefined
  } catch (error) {
    return { error }
  }
}
