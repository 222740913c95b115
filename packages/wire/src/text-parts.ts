// A long text that arrives in small parts: put together in linear time, with little held beside it.

import { partsMax, smallPartMax } from './limits.ts'

/** Collects parts of a text. A small part is copied twice at most, a larger one once, when the text is read. */
export class TextParts {
  readonly #separator: string
  /** Grown by concatenation, which engines put off until the text is read; bench/wire.ts, "64-byte chunks". */
  #text: string | undefined
  /** What follows, as long as it is small parts: each would cost a concatenation more memory than it has text. */
  #small: string[] = []

  constructor(separator: string) {
    this.#separator = separator
  }

  push(part: string): void {
    if (part.length <= smallPartMax) {
      if (this.#small.push(part) === partsMax) this.#joinSmall()
      return
    }
    if (this.#small.length > 0) this.#joinSmall()
    this.#append(part)
  }

  /** The text so far; the collection is empty afterwards. */
  take(): string {
    if (this.#small.length > 0) this.#joinSmall()
    const text = this.#text ?? ''
    this.#text = undefined
    return text
  }

  #joinSmall(): void {
    const part = this.#small.join(this.#separator)
    this.#small = []
    this.#append(part)
  }

  #append(part: string): void {
    this.#text = this.#text === undefined ? part : this.#text + this.#separator + part
  }
}
