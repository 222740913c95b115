// From a source of events to a stream, one by one, until one of the two ends.

import { ServerError } from '../errors.ts'
import type { StreamEvent, StreamSource } from './event-stream.ts'
import { quoteValue } from '@tidemark/wire/values'
import { hasMethods } from '@tidemark/log/values'

/** A stream as a pipe needs it. */
interface PipeTarget {
  send(event: StreamEvent): Promise<boolean>
  isOver(): boolean
  /** Called when the stream is over. */
  readonly stops: Set<() => void>
}

/** A source that is being read. */
interface Reading {
  next(): Promise<IteratorResult<unknown, unknown>>
  /** Resolves when it has stopped. */
  stop(): Promise<unknown>
}

/** Errors and result: see {@link EventStream.pipe}. */
export async function pipe(source: StreamSource, target: PipeTarget): Promise<boolean> {
  const reading = read(source)
  while (!target.isOver()) {
    const step = await nextUntilOver(reading, target)
    if (step === undefined) break
    if (step.done === true) return true
    if (!(await sendItem(step.value, reading, target))) break
  }
  await stopQuietly(reading)
  return false
}

/**
 * Undefined when the stream is over first. No `Promise.race` with one long promise: that would keep a
 * reaction for each event.
 */
async function nextUntilOver(
  reading: Reading,
  target: PipeTarget,
): Promise<IteratorResult<unknown, unknown> | undefined> {
  let stop = (): void => undefined
  try {
    return await new Promise<IteratorResult<unknown, unknown> | undefined>((resolve, reject) => {
      stop = () => resolve(undefined)
      target.stops.add(stop)
      reading.next().then(resolve, reject)
    })
  } catch (error) {
    // Mostly what the abort of the signal has caused.
    if (target.isOver()) return undefined
    throw error
  } finally {
    target.stops.delete(stop)
  }
}

async function sendItem(item: unknown, reading: Reading, target: PipeTarget): Promise<boolean> {
  try {
    return await target.send(toEvent(item))
  } catch (error) {
    // The source has done nothing wrong that it knows of, so it is told.
    await stopQuietly(reading)
    throw error
  }
}

async function stopQuietly(reading: Reading): Promise<void> {
  try {
    await reading.stop()
  } catch {
    // The stream is over, or another error is on its way to the application.
  }
}

function toEvent(item: unknown): StreamEvent {
  if (typeof item === 'string') return { data: item }
  if (!ArrayBuffer.isView(item)) return item as StreamEvent
  throw new ServerError(
    'EVENT_INVALID',
    'A source gives events or text; got bytes. Decode them: with TextDecoderStream to text, with decodeStream of @tidemark/wire to events.',
  )
}

function read(source: StreamSource): Reading {
  if (hasMethods(source, ['getReader'])) return readStream(source as ReadableStream<unknown>)
  if (isAsyncIterable(source)) return readIterable(source)
  throw new ServerError(
    'OPTION_INVALID',
    `pipe takes an async iterable or a ReadableStream; got ${quoteValue(source)}.`,
  )
}

/** By a reader, because the stream's own iterator would not be cancelled before its next chunk has come. */
function readStream(source: ReadableStream<unknown>): Reading {
  if (source.locked) {
    throw new ServerError(
      'OPTION_INVALID',
      'The stream to pipe is locked, because somebody reads it already. Pipe one half of its tee().',
    )
  }
  const reader = source.getReader()
  return {
    next: async () => {
      const { done, value } = await reader.read()
      return done ? { done, value: undefined } : { done, value }
    },
    stop: () => reader.cancel(),
  }
}

function readIterable(source: AsyncIterable<unknown>): Reading {
  const iterator = source[Symbol.asyncIterator]()
  return {
    next: async () => iterator.next(),
    async stop() {
      // A generator hears of `return` when what it waits for has come; a stream of Node's can be told at
      // once.
      const stopped = iterator.return?.()
      if (hasMethods(source, ['destroy'])) (source as unknown as { destroy(): void }).destroy()
      await stopped
    },
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  if (typeof value !== 'object' || value === null) return false
  try {
    return typeof Reflect.get(value, Symbol.asyncIterator) === 'function'
  } catch {
    return false
  }
}
