// A subscriber without a network: a sink that decodes what it is given, and remembers its last id as an
// EventSource does.

import { createDecoder } from '@tidemark/wire'
import type { DecodedEvent, Decoder } from '@tidemark/wire'
import type { Block, Sink, SinkListener } from '../../src/hub/index.ts'

export class TestClient {
  readonly events: DecodedEvent[] = []
  lastEventId = ''
  onEvent: (event: DecodedEvent) => void = () => undefined
  #connection: TestSink | undefined

  get connection(): TestSink | undefined {
    return this.#connection
  }

  /** A sink for one connection of this client; an older one is cut. */
  connect(): TestSink {
    this.#connection?.cut()
    this.#connection = new TestSink(this)
    return this.#connection
  }

  take(event: DecodedEvent): void {
    this.events.push(event)
    this.lastEventId = event.id
    this.onEvent(event)
  }

  /** Events that are not the hub's own. */
  get published(): DecodedEvent[] {
    return this.events.filter((event) => !event.type.startsWith('tidemark.'))
  }

  /** The hub's own events of one type. */
  control(type: string): unknown[] {
    return this.events
      .filter((event) => event.type === `tidemark.${type}`)
      .map((event) => JSON.parse(event.data) as unknown)
  }
}

export class TestSink implements Sink {
  readonly #client: TestClient
  readonly #decoder: Decoder
  #listener: SinkListener | undefined
  #isBlocked = false
  #isCut = false
  isEnded = false
  writes = 0

  constructor(client: TestClient) {
    this.#client = client
    this.#decoder = createDecoder(
      { event: (event) => this.#client.take(event) },
      { lastEventId: client.lastEventId },
    )
  }

  listen(listener: SinkListener): void {
    this.#listener = listener
    if (this.#isCut) listener.closed()
  }

  write(block: Block): boolean {
    if (this.#isCut) return false
    this.writes += 1
    this.#decoder.push(block.bytes)
    return !this.#isBlocked
  }

  end(): void {
    this.isEnded = true
    this.cut()
  }

  abort(): void {
    this.cut()
  }

  /** From now on writes are accepted, but answered with "no more". */
  block(): void {
    this.#isBlocked = true
  }

  unblock(): void {
    if (!this.#isBlocked) return
    this.#isBlocked = false
    this.#listener?.drained()
  }

  /** The client leaves. */
  cut(): void {
    if (this.#isCut) return
    this.#isCut = true
    this.#listener?.closed()
  }
}
