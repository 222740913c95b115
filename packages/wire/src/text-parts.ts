// Puts a long text together from small parts, in linear time and with little memory beside it.

import { partsMax, smallPartMax } from './limits.ts'

/**
 * Collects parts of a text. A small part is copied twice at most, a larger one once, when the text
 * is read.
 */
export class TextParts {
  readonly #separator: string
  /**
   * Grown by concatenation, which engines delay until the text is read; bench/wire.ts, "64-byte
   * chunks".
   */
  #text: string | undefined
  /**
   * The small parts that follow. A concatenation of each would cost more memory than the part has
   * text.
   */
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
