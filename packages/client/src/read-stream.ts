// From the stream's bytes to its decoder, in slices, at the pace of whoever takes the events.

import { WireError } from '@tidemark/wire'
import type { Decoder } from '@tidemark/wire'
import { ClientError } from './errors.ts'
import { describe } from './headers.ts'
import { sliceBytesMax } from './limits.ts'
import type { Watch } from './watch.ts'

/** Everything that reading needs besides the stream. */
export interface ReadOptions {
  readonly decoder: Decoder
  /** Runs while a read is open, not while the feed itself pauses. */
  readonly watch: Watch
  /** A promise when the feed has to pause. Told how many bytes have been decoded since it was asked last. */
  readonly waitForRoom: (bytesRead: number) => Promise<void> | undefined
  readonly signal: AbortSignal
  /** The decoder's limit, for the message that names it. */
  readonly eventCharactersMax: number
}

/**
 * Reads to the end; whichever way it ends, the stream is cancelled.
 * @throws ClientError `CONNECTION_FAILED`, `STREAM_INVALID`, or the signal's reason
 */
export async function readStream(
  stream: ReadableStream<Uint8Array>,
  { decoder, watch, waitForRoom, signal, eventCharactersMax }: ReadOptions,
): Promise<void> {
  const reader = stream.getReader()
  // A stream that does not know the signal must not hold up who aborts it.
  const cancel = (): void => void reader.cancel().catch(() => undefined)
  signal.addEventListener('abort', cancel)
  try {
    for (;;) {
      signal.throwIfAborted()
      watch.start()
      const chunk = await read(reader, signal)
      watch.stop()
      signal.throwIfAborted()
      if (chunk === undefined) return
      for (let at = 0; at < chunk.length; at += sliceBytesMax) {
        const slice = chunk.subarray(at, at + sliceBytesMax)
        decode(decoder, slice, eventCharactersMax)
        await waitForRoom(slice.length)
        signal.throwIfAborted()
      }
    }
  } finally {
    watch.stop()
    signal.removeEventListener('abort', cancel)
    decoder.end()
    cancel()
  }
}

async function read(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  try {
    const { done, value } = await reader.read()
    return done ? undefined : value
  } catch (cause) {
    signal.throwIfAborted()
    throw new ClientError('CONNECTION_FAILED', `The connection broke: ${describe(cause)}.`, {
      cause,
    })
  }
}

function decode(decoder: Decoder, slice: Uint8Array, eventCharactersMax: number): void {
  try {
    decoder.push(slice)
  } catch (cause) {
    const said =
      cause instanceof WireError
        ? `an event, or a line of it, has more than ${eventCharactersMax} characters. Raise eventCharactersMax if the server is trusted.`
        : describe(cause)
    throw new ClientError('STREAM_INVALID', `The stream cannot be decoded: ${said}`, { cause })
  }
}
