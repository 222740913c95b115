// A reader of one `Response`: pulls only when the test says so, and decodes what it gets.

import { createDecoder } from '@tidemark/wire'
import type { DecodedEvent } from '@tidemark/wire'

export class FetchClient {
  readonly response: Response
  readonly events: DecodedEvent[] = []
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>
  readonly #decoder = createDecoder({ event: (event) => this.events.push(event) })

  constructor(response: Response) {
    if (response.body === null) throw new Error('The response has no body.')
    this.response = response
    this.#reader = response.body.getReader()
  }

  /** The id an EventSource would come back with. */
  get lastEventId(): string {
    return this.events.at(-1)?.id ?? ''
  }

  /** The data of events that are not the hub's own. */
  get published(): string[] {
    return this.events.filter(({ type }) => !type.startsWith('tidemark.')).map(({ data }) => data)
  }

  /** Reads one chunk; undefined at the end. */
  async read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { value, done } = await this.#reader.read()
    if (done) return undefined
    this.#decoder.push(value)
    return value
  }

  /** Reads until an event is as wanted, or the stream ends. */
  async until(isWanted: (event: DecodedEvent) => boolean): Promise<void> {
    while (!this.events.some(isWanted)) if ((await this.read()) === undefined) return
  }

  untilType(type: string): Promise<void> {
    return this.until((event) => event.type === type)
  }

  untilData(data: string): Promise<void> {
    return this.until((event) => event.data === data)
  }

  cancel(): Promise<void> {
    return this.#reader.cancel()
  }
}
