// A response with the application's own events, over the same sinks that the engine writes sessions to.

import type { Timer } from '@tidemark/log'
import { encodeComment } from '@tidemark/wire'
import { Block } from '../framing/block.ts'
import { encodeOwnComment, encodeOwnEvent, encodeOwnRetry } from './encode-own.ts'
import { ServerError } from '../errors.ts'
import type { EventStream, StreamEvent, StreamSource } from './event-stream.ts'
import { sendsPerTurnMax, waitingTextLengthMax } from './limits.ts'
import { pipe } from './pipe.ts'
import type { Sink } from '../session/sink.ts'
import type { StreamSettings } from './stream-options.ts'
import { Turns } from '../catch-up/turns.ts'
import { WaitingText } from './waiting-text.ts'

const emptyComment = encodeComment('')

/**
 * An open stream. The sink gets one write after it says that it takes no more; the rest waits here, bounded.
 */
export class SinkStream implements EventStream {
  readonly lastEventId: string | undefined
  readonly #settings: StreamSettings
  readonly #abort = new AbortController()
  readonly #waiting = new WaitingText()
  readonly #turns = new Turns()
  /** Pipes that stop when the stream does. */
  readonly #stops = new Set<() => void>()
  readonly #over: Promise<void>
  #resolveOver: () => void = () => undefined
  #sink: Sink | undefined
  #beat: Timer | undefined
  #stall: Timer | undefined
  /** Until there is a sink, and while it takes no more. */
  #isBlocked = true
  #isClosing = false
  /** The sink has been told to end. */
  #isEnding = false
  #isOver = false
  #turn: Promise<boolean> | undefined
  #sentInTurn = 0
  #hasSentSinceBeat = false

  constructor(settings: StreamSettings, lastEventId: string | undefined) {
    this.#settings = settings
    this.lastEventId = lastEventId === '' ? undefined : lastEventId
    this.#over = new Promise((resolve) => (this.#resolveOver = resolve))
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /**
   * Begins to write, with a comment that takes the head along, so that the client knows at once that the
   * stream is open.
   */
  begin(sink: Sink): void {
    this.#sink = sink
    sink.listen({ drained: () => this.#drain(), closed: () => this.end() })
    if (this.#isOver) return
    this.#waiting.putFirst(emptyComment)
    this.#drain()
    this.#beatLater()
  }

  /** The response is over, whoever has ended it. */
  end(reason?: ServerError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#beat?.cancel()
    this.#stall?.cancel()
    this.#sink = undefined
    this.#waiting.drop()
    this.#turns.leave(this)
    this.#resolveOver()
    this.#stopPipes()
    if (!this.#isClosing) this.#abort.abort(reason)
  }

  async send(event: StreamEvent): Promise<boolean> {
    return this.#write(encodeOwnEvent(event))
  }

  async comment(text: string): Promise<boolean> {
    return this.#write(encodeOwnComment(text))
  }

  async retry(ms: number): Promise<boolean> {
    return this.#write(encodeOwnRetry(ms))
  }

  async pipe(source: StreamSource): Promise<boolean> {
    return pipe(source, {
      send: (event) => this.send(event),
      isOver: () => this.#isClosing || this.#isOver,
      stops: this.#stops,
    })
  }

  close(): Promise<void> {
    if (!this.#isClosing && !this.#isOver) {
      this.#isClosing = true
      this.#beat?.cancel()
      this.#stopPipes()
      // Waiting events go out first.
      if (!this.#isBlocked) this.#endSink()
    }
    return this.#over
  }

  #write(text: string): Promise<boolean> | boolean {
    if (this.#isClosing || this.#isOver) return false
    this.#hasSentSinceBeat = true
    if (!this.#isBlocked) {
      this.#give(Block.fromText(text))
      if (!this.#isBlocked) return this.#takeTurn()
      return this.#isOver ? false : this.#waiting.room()
    }
    if (this.#waiting.length > waitingTextLengthMax) {
      this.#cut(
        `more than ${waitingTextLengthMax} characters waited for its reader. Await each send`,
      )
      return false
    }
    this.#waiting.add(text)
    return this.#waiting.room()
  }

  #give(block: Block): void {
    const sink = this.#sink
    if (sink === undefined) return
    try {
      this.#isBlocked = !sink.write(block)
    } catch (cause) {
      this.#cut('its response cannot be written to', cause)
    }
    if (this.#isBlocked) this.#watch()
  }

  /**
   * Every so many sends wait for a turn of the event loop, or a source that is never slow would leave none to
   * others.
   */
  #takeTurn(): Promise<boolean> | boolean {
    this.#sentInTurn += 1
    if (this.#sentInTurn < sendsPerTurnMax) return true
    this.#turn ??= this.#awaitTurn()
    return this.#turn
  }

  async #awaitTurn(): Promise<boolean> {
    await this.#turns.take(this)
    this.#turn = undefined
    this.#sentInTurn = 0
    return !this.#isOver
  }

  #drain(): void {
    if (this.#isOver || this.#isEnding) return
    this.#isBlocked = false
    this.#stall?.cancel()
    while (!this.#isBlocked && !this.#isOver) {
      const portion = this.#waiting.take()
      if (portion === undefined) break
      this.#give(portion)
    }
    if (this.#isBlocked || this.#isOver) return
    this.#waiting.openRoom()
    if (this.#isClosing) this.#endSink()
  }

  #endSink(): void {
    this.#isEnding = true
    this.#sink?.end()
    // A client that reads no more would never let the response end.
    if (!this.#isOver) this.#watch()
  }

  /** Cuts the stream, unless the client takes at least some of what waits. */
  #watch(): void {
    if (this.#isOver) return
    const { clock, stalledAfterMs } = this.#settings
    const before = this.#sink?.bytesWaiting ?? Infinity
    this.#stall?.cancel()
    this.#stall = clock.after(stalledAfterMs, () => {
      if ((this.#sink?.bytesWaiting ?? Infinity) < before) this.#watch()
      else this.#cut(`its reader took nothing for ${stalledAfterMs} ms`)
    })
  }

  #cut(why: string, cause?: unknown): void {
    const sink = this.#sink
    this.#isBlocked = true
    this.end(new ServerError('STREAM_CUT', `The stream was cut: ${why}.`, { cause }))
    sink?.abort()
  }

  #stopPipes(): void {
    for (const stop of this.#stops) stop()
  }

  #beatLater(): void {
    if (this.#isOver || this.#isClosing) return
    const { clock, heartbeatMs } = this.#settings
    this.#beat = clock.after(heartbeatMs, () => {
      // A client that takes nothing gets no beats on top.
      if (!this.#hasSentSinceBeat && !this.#isBlocked) this.#give(Block.fromText(emptyComment))
      this.#hasSentSinceBeat = false
      this.#beatLater()
    })
  }
}
