// Holds back the application's own writes to a stream of HTTP/2 while only a part of a block is out. Its
// writes and its end wait for the rest, so that they never stand inside an event. `response.write` and
// `response.end` go through the stream, and so does what pipes into it; what the response says of itself
// stays true.

import type { ServerHttp2Stream } from 'node:http2'

type Call = (...values: readonly unknown[]) => unknown

/** A stream, and the calls that wait for it. */
interface Held {
  readonly write: Call
  readonly end: Call
  readonly calls: (() => unknown)[]
}

/** Puts itself between an application and its stream, for as long as it is told. */
export class HeldStream {
  readonly #stream: ServerHttp2Stream
  #held: Held | undefined

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream
  }

  /**
   * From now on what the application writes waits. It is answered with false, so that an application that can
   * wait for `drain` does.
   */
  hold(): void {
    if (this.#held !== undefined) return
    const stream = this.#stream as unknown as { write: Call; end: Call }
    const { write, end } = stream
    const calls: (() => unknown)[] = []
    stream.write = (...values) => {
      calls.push(() => write.apply(stream, [...values]))
      return false
    }
    stream.end = (...values) => {
      calls.push(() => end.apply(stream, [...values]))
      return stream
    }
    this.#held = { write, end, calls }
  }

  /** Writes past what is held. */
  write(bytes: Uint8Array): void {
    if (this.#held === undefined) this.#stream.write(bytes)
    else this.#held.write.call(this.#stream, bytes)
  }

  /**
   * Writes that have waited go out, in order. True when somebody waits for a `drain` that the stream does not
   * say by itself.
   */
  release(): boolean {
    const held = this.#held
    if (held === undefined) return false
    this.#held = undefined
    Object.assign(this.#stream, { write: held.write, end: held.end })
    for (const call of held.calls) call()
    return held.calls.length > 0
  }
}
