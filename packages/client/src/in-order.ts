// Keeps the order of a stream in which some events have to be opened first, which takes time.

import type { DecodedEvent } from '@tidemark/wire'
import { isPacked, openPacked } from './open-packed.ts'

/** An event, or the id of an event without data. */
type Arrival = DecodedEvent | string

/** Where the arrivals of one stream go, in their order. */
export interface ArrivalSink {
  event(event: DecodedEvent, data: string): void
  id(id: string): void
  /** A promise when the feed has to pause. Told how many bytes have been decoded since. */
  waitForRoom(bytesRead: number): Promise<void> | undefined
}

/**
 * Hands arrivals over at once, until one is compressed. That one and those behind it wait for `settle`. So
 * one slice of the stream waits at most, and a single event is open at a time.
 */
export class ArrivalsInOrder {
  readonly #sink: ArrivalSink
  readonly #eventCharactersMax: number
  readonly #waiting: Arrival[] = []

  constructor(sink: ArrivalSink, eventCharactersMax: number) {
    this.#sink = sink
    this.#eventCharactersMax = eventCharactersMax
  }

  push(arrival: Arrival): void {
    const waits = this.#waiting.length > 0 || (typeof arrival !== 'string' && isPacked(arrival))
    if (waits) this.#waiting.push(arrival)
    else if (typeof arrival === 'string') this.#sink.id(arrival)
    else this.#sink.event(arrival, arrival.data)
  }

  /** Hands over what waits; undefined if the next slice may be read. */
  settle(bytesRead: number, signal: AbortSignal): Promise<void> | undefined {
    if (this.#waiting.length === 0) return this.#sink.waitForRoom(bytesRead)
    return this.#open(bytesRead, signal)
  }

  async #open(bytesRead: number, signal: AbortSignal): Promise<void> {
    for (const arrival of this.#waiting.splice(0)) {
      if (typeof arrival === 'string') this.#sink.id(arrival)
      else if (isPacked(arrival)) {
        const data = await openPacked(arrival.data, this.#eventCharactersMax)
        signal.throwIfAborted()
        this.#sink.event(arrival, data)
        await this.#sink.waitForRoom(0)
        signal.throwIfAborted()
      } else this.#sink.event(arrival, arrival.data)
    }
    await this.#sink.waitForRoom(bytesRead)
  }
}
