// One of the run's connections: opened, read, and opened again as an `EventSource` would.

import { systemClock } from '@tidemark/client'
import type { Timer } from '@tidemark/client'
import type { DecodedEvent } from '@tidemark/wire'
import { readMicros } from './clock.ts'
import { retryMsDefault, retryMsMax, retryMsMin } from './limits.ts'
import type { MarkerReader } from './marker.ts'
import { openStream } from './open-stream.ts'
import type { Stream, StreamEnd, StreamHandler } from './open-stream.ts'
import type { ReaderTally } from './reader-tally.ts'
import { SequenceTally } from './sequence-tally.ts'

/** Everything that a connection needs. */
export interface SubscriberOptions {
  readonly url: URL
  readonly address?: string | undefined
  readonly headers: readonly (readonly [string, string])[]
  readonly topic: number
  readonly marker: MarkerReader
  readonly originMicros: number
  /** Whether events carry this run's markers. */
  readonly isPublished: boolean
  readonly tally: ReaderTally
  /** The first attempt is open or has failed. */
  readonly onSettled: () => void
}

/** One connection of the run. */
export class Subscriber implements StreamHandler {
  readonly sequences: SequenceTally = new SequenceTally()
  readonly #options: SubscriberOptions
  #stream: Stream | undefined
  #retry: Timer | undefined
  #retryMs = retryMsDefault
  #lastEventId = ''
  #startedMicros = 0
  #isOpen = false
  #wasOpen = false
  #isAway = false
  #goodbye: string | undefined
  /** When the latest bytes came; all events of one chunk came then. */
  #nowMicros = 0
  #lastEventMicros = 0

  constructor(options: SubscriberOptions) {
    this.#options = options
  }

  get topic(): number {
    return this.#options.topic
  }

  /** When bytes came last, in microseconds since the run's origin. */
  get heardMicros(): number {
    return this.#nowMicros
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Whether the first attempt failed, so that the connection takes no part. */
  get hasFailed(): boolean {
    return this.#isAway && !this.#wasOpen
  }

  start(): void {
    const { url, address, headers } = this.#options
    this.#startedMicros = readMicros()
    this.#stream = openStream({ url, address, headers, lastEventId: this.#lastEventId }, this)
  }

  stop(): void {
    this.#retry?.cancel()
    this.#stream?.close()
  }

  opened(): void {
    const { tally, onSettled } = this.#options
    this.#isOpen = true
    tally.open++
    tally.connect.add(readMicros() - this.#startedMicros)
    if (this.#wasOpen) {
      tally.reconnects++
      return
    }
    this.#wasOpen = true
    tally.opened++
    onSettled()
  }

  bytes(count: number): void {
    this.#options.tally.bytes += count
    this.#nowMicros = readMicros() - this.#options.originMicros
  }

  event({ type, data }: DecodedEvent): void {
    const { tally, marker, topic, isPublished } = this.#options
    if (isPublished) {
      // Number 0 is the try before the load; a server with a history may replay it.
      if (!marker.read(data) || marker.topic !== topic || marker.sequence === 0) {
        this.#noteOther(type, data)
        return
      }
      this.sequences.add(marker.sequence, marker.settled)
      tally.latency.add(this.#nowMicros - marker.dueMicros)
      tally.latencyFromSend.add(this.#nowMicros - marker.sentMicros)
    } else if (type.startsWith('tidemark.')) {
      this.#noteOther(type, data)
      return
    } else {
      if (this.#lastEventMicros > 0) tally.between.add(this.#nowMicros - this.#lastEventMicros)
      this.#lastEventMicros = this.#nowMicros
    }
    tally.deliveries++
  }

  retry(ms: number): void {
    this.#retryMs = Math.min(Math.max(ms, retryMsMin), retryMsMax)
  }

  ended({ reason }: StreamEnd): void {
    const { tally, onSettled } = this.#options
    this.#lastEventId = this.#stream?.lastEventId ?? this.#lastEventId
    this.#stream = undefined
    this.#isAway = true
    if (this.#isOpen) {
      this.#isOpen = false
      tally.open--
    }
    if (!this.#wasOpen) {
      tally.failures.add(reason)
      onSettled()
      return
    }
    tally.interruptions.add(this.#goodbye ?? reason)
    this.#goodbye = undefined
    this.#retry = systemClock.after(this.#retryMs, () => this.start())
  }

  /** A hub's goodbye says why the stream ends; its gap, that it could not go on exactly. */
  #noteOther(type: string, data: string): void {
    const { tally } = this.#options
    if (type === 'tidemark.bye') this.#goodbye = `goodbye ${data}`
    else if (type === 'tidemark.gap') tally.interruptions.add(`gap ${data}`)
    else if (!type.startsWith('tidemark.')) tally.otherEvents++
  }
}
