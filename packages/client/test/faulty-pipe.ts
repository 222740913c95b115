// A network between a client and a server, in memory: it tears streams into pieces, holds them up and
// breaks them off.

import type { SeededRandom } from '@tidemark/testkit'

/** One open answer on its way. */
export class FaultyPipe {
  readonly body: ReadableStream<Uint8Array>
  readonly #random: SeededRandom
  readonly #ended: () => void
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  /** Read from the server and not handed on yet. */
  #rest = new Uint8Array()
  #resume: (() => void) | undefined
  #isHeld = false

  constructor(stream: ReadableStream<Uint8Array>, random: SeededRandom, ended: () => void) {
    this.#random = random
    this.#ended = ended
    this.#reader = stream.getReader()
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (this.#controller = controller),
        pull: (controller) => this.#pull(controller),
        cancel: () => this.#leave(),
      },
      { highWaterMark: 0 },
    )
  }

  /**
   * Holds everything up, as a network does that has not noticed yet that it is gone; the server meets
   * back-pressure.
   */
  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
    this.#resume?.()
  }

  /** Breaks off wherever it is, often in the middle of an event. */
  cut(): void {
    this.#controller?.error(new Error('cut'))
    this.#leave()
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    if (this.#rest.length === 0) {
      // A server cuts connections off as well.
      const { done, value } = await this.#reader
        .read()
        .catch(() => ({ done: true, value: undefined }))
      if (this.#controller === undefined) return
      if (done || value === undefined) {
        controller.close()
        this.#leave()
        return
      }
      this.#rest = new Uint8Array(value)
    }
    while (this.#isHeld) await new Promise<void>((resolve) => void (this.#resume = resolve))
    if (this.#controller === undefined) return
    const isWhole = this.#random.int(2) > 0
    const length = isWhole ? this.#rest.length : 1 + this.#random.int(this.#rest.length - 1)
    controller.enqueue(this.#rest.slice(0, length))
    this.#rest = this.#rest.subarray(length)
  }

  #leave(): void {
    this.#controller = undefined
    this.#ended()
    this.release()
    void this.#reader.cancel().catch(() => undefined)
  }
}
