// A compressed response that an application still has in hand. Its own writes go through the compression of
// the stream. When the application ends the response, the compressed stream gets its proper end. Node's own
// methods stay the way for the sink.

import { Block } from '../framing/block.ts'
import type { Sink, SinkListener } from '../session/sink.ts'
import type { AnyResponse } from './exchange.ts'

const ownKey: unique symbol = Symbol('own')

type Method = (this: Led, ...values: readonly unknown[]) => unknown

interface Led {
  [ownKey]?: {
    readonly write: Method
    readonly end: Method
    readonly sink: Sink
    /** A write of the application was answered with false; it waits for `drain`. */
    awaitsDrain: boolean
  }
  write: Method
  end: Method
}

/**
 * Leads what is written to a response from now on through `sink`, which writes with {@link writeOwn} and
 * {@link endOwn}.
 */
export function compressWrites(response: object, sink: Sink): void {
  const led = response as Led
  led[ownKey] = { write: led.write, end: led.end, sink, awaitsDrain: false }
  led.write = writeThrough
  led.end = endThrough
}

/**
 * Hears of a drained socket in place of a session, and tells the application that waits for it. Node says
 * `drain` only after writes of its own.
 */
export class DrainForwarder implements SinkListener {
  readonly #listener: SinkListener
  readonly #response: AnyResponse

  constructor(listener: SinkListener, response: AnyResponse) {
    this.#listener = listener
    this.#response = response
  }

  drained(): void {
    this.#listener.drained()
    const own = (this.#response as unknown as Led)[ownKey]
    if (own?.awaitsDrain !== true) return
    own.awaitsDrain = false
    this.#response.emit('drain')
  }

  closed(): void {
    this.#listener.closed()
  }
}

/** Writes past {@link compressWrites}. Middleware may answer with anything. */
export function writeOwn(response: AnyResponse, bytes: Uint8Array): unknown {
  const led = response as unknown as Led
  const own = led[ownKey]
  return own === undefined ? response.write(bytes) : own.write.call(led, bytes)
}

/** Ends past {@link compressWrites}. */
export function endOwn(response: AnyResponse): void {
  const led = response as unknown as Led
  const own = led[ownKey]
  if (own === undefined) response.end()
  else own.end.call(led)
}

function writeThrough(this: Led, ...values: readonly unknown[]): unknown {
  const own = this[ownKey]
  const done = values.find((value) => typeof value === 'function')
  if (done !== undefined) process.nextTick(done)
  const isTaken = own?.sink.write(new Block(toBytes(values)))
  if (own !== undefined && isTaken === false) own.awaitsDrain = true
  return isTaken
}

function endThrough(this: Led, ...values: readonly unknown[]): unknown {
  const own = this[ownKey]
  const [chunk] = values
  const isLast = (this as unknown as AnyResponse).writableEnded
  if (!isLast && chunk !== undefined && chunk !== null && typeof chunk !== 'function')
    own?.sink.write(new Block(toBytes(values)))
  if (!isLast) own?.sink.end()
  const done = values.find((value) => typeof value === 'function')
  // Node's own says what becomes of the callback, and of a second end.
  return own?.end.call(this, ...(done === undefined ? [] : [done]))
}

function toBytes([chunk, encoding]: readonly unknown[]): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  return Buffer.from(
    String(chunk),
    typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8',
  )
}
