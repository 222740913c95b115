// A long text that arrives in small parts: joined once, in linear time, with few parts held at any moment.

import { partsMax } from './limits.ts'

/** Collects parts of a text. Every character is copied twice at most, however small the parts are. */
export class TextParts {
  readonly #separator: string
  readonly #blocks: string[] = []
  #parts: string[] = []

  constructor(separator: string) {
    this.#separator = separator
  }

  push(part: string): void {
    if (this.#parts.push(part) < partsMax) return
    this.#blocks.push(this.#parts.join(this.#separator))
    this.#parts = []
  }

  /** The text so far; the collection is empty afterwards. */
  take(): string {
    const parts = this.#parts
    this.#parts = []
    if (this.#blocks.length === 0) return parts.join(this.#separator)
    if (parts.length > 0) this.#blocks.push(parts.join(this.#separator))
    const text = this.#blocks.join(this.#separator)
    this.#blocks.length = 0
    return text
  }
}
