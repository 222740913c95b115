// Bytes in chunks of any size to lines, in linear time and bounded memory.

import { isUtf8 } from 'node:buffer'
import { CliError } from './errors.ts'
import { inputBytesMax, partsMax } from './limits.ts'

const lf = 0x0a
const cr = 0x0d

/** Splits bytes into lines of UTF-8 text. LF and CRLF end a line. */
export class LineSplitter {
  readonly #onLine: (text: string, bytes: number) => void
  /** The line in progress. */
  #parts: Buffer[] = []
  /** The parts that follow, as long as they are small. */
  #small: Buffer[] = []
  #partBytes = 0
  #lines = 0

  constructor(onLine: (text: string, bytes: number) => void) {
    this.#onLine = onLine
  }

  /** @throws CliError `LINE_TOO_LONG`, `LINE_NOT_UTF8`; the lines before have been handed over then */
  push(chunk: Buffer): void {
    let start = 0
    for (let end = chunk.indexOf(lf); end !== -1; end = chunk.indexOf(lf, start)) {
      this.#keep(chunk.subarray(start, end))
      this.#finish()
      start = end + 1
    }
    // A copy, because a small rest must not keep a large chunk alive.
    if (start < chunk.length) this.#keep(Buffer.from(chunk.subarray(start)))
  }

  /** Hands over a last line that nothing ended. */
  end(): void {
    if (this.#partBytes > 0) this.#finish()
  }

  #keep(part: Buffer): void {
    this.#partBytes += part.length
    if (this.#partBytes > inputBytesMax) {
      throw new CliError(
        'LINE_TOO_LONG',
        `Line ${this.#lines + 1} has more than ${inputBytesMax} bytes. The lines before it were published; split it, or publish a link to it.`,
      )
    }
    if (part.length < partsMax) {
      if (this.#small.push(part) === partsMax) this.#joinSmall()
      return
    }
    this.#joinSmall()
    this.#parts.push(part)
  }

  #joinSmall(): void {
    if (this.#small.length > 0) this.#parts.push(joinParts(this.#small))
    this.#small = []
  }

  #finish(): void {
    this.#joinSmall()
    const whole = joinParts(this.#parts)
    this.#parts = []
    this.#partBytes = 0
    this.#lines++
    if (!isUtf8(whole)) {
      throw new CliError(
        'LINE_NOT_UTF8',
        `Line ${this.#lines} is not UTF-8. The lines before it were published; convert the input, for example with iconv.`,
      )
    }
    const line = whole.at(-1) === cr ? whole.subarray(0, -1) : whole
    this.#onLine(line.toString('utf8'), line.length)
  }
}

function joinParts(parts: readonly Buffer[]): Buffer {
  const [first] = parts
  if (parts.length === 1 && first !== undefined) return first
  // Not `Buffer.concat`: what is small shares 8 KiB with others, which it keeps.
  const whole = Buffer.allocUnsafeSlow(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) at += part.copy(whole, at)
  return whole
}
