// Cuts chunks of text into lines. CR, LF and CRLF end a line, also when a chunk ends between CR and
// LF.

import { WireError } from './errors.ts'
import { TextParts } from './text-parts.ts'

/** The receiver of the lines. */
export interface LineSink {
  /** A line that is not empty: `text` from `start` to `end` (exclusive). */
  line(text: string, start: number, end: number): void
  /** An empty line. */
  blank(): void
}

const LF = 10
const CR = 13

/** Scans every chunk once; a line in progress is kept in parts and joined when its end arrives. */
export class LineSplitter {
  readonly #sink: LineSink
  readonly #lineCharactersMax: number
  readonly #pending = new TextParts('')
  #pendingLength = 0
  /**
   * The last chunk ended with CR. Its line has been handed over, and a LF that follows belongs to
   * it.
   */
  #isAfterCr = false

  constructor(sink: LineSink, lineCharactersMax: number) {
    this.#sink = sink
    this.#lineCharactersMax = lineCharactersMax
  }

  push(text: string): void {
    if (text === '') return
    let start = 0
    if (this.#isAfterCr) {
      this.#isAfterCr = false
      if (text.charCodeAt(0) === LF) start = 1
    }
    if (this.#pendingLength > 0) start = this.#endPending(text, start)
    // If a chunk is within the limit, so are its lines, and the fast path need not check them.
    const isPlain = text.length <= this.#lineCharactersMax && !text.includes('\r', start)
    start = isPlain ? this.#splitAtLf(text, start) : this.#splitAny(text, start)
    if (start < text.length) this.#keep(text, start, text.length)
  }

  /** Ends the line in progress if its end is in `text`; returns where the next line starts. */
  #endPending(text: string, start: number): number {
    const lf = text.indexOf('\n', start)
    const cr = text.indexOf('\r', start)
    const end = cr === -1 || (lf !== -1 && lf < cr) ? lf : cr
    if (end === -1) {
      this.#keep(text, start, text.length)
      return text.length
    }
    this.#keep(text, start, end)
    this.#pendingLength = 0
    const line = this.#pending.take()
    this.#sink.line(line, 0, line.length)
    return this.#skipBreak(text, end)
  }

  /** The fast path: most servers write LF only. bench/wire.ts, all fixtures but CRLF. */
  #splitAtLf(text: string, from: number): number {
    const sink = this.#sink
    let start = from
    while (start < text.length) {
      if (text.charCodeAt(start) === LF) {
        sink.blank()
        start++
        continue
      }
      const end = text.indexOf('\n', start)
      if (end === -1) break
      sink.line(text, start, end)
      start = end + 1
    }
    return start
  }

  #splitAny(text: string, from: number): number {
    let start = from
    // A found CR or LF is used before the next one is searched. Otherwise a text of CRs would be
    // searched to its end for a LF once per line.
    let cr = text.indexOf('\r', start)
    let lf = text.indexOf('\n', start)
    for (;;) {
      const end = cr === -1 || (lf !== -1 && lf < cr) ? lf : cr
      if (end === -1) return start
      if (end === start) this.#sink.blank()
      else this.#handOver(text, start, end)
      start = this.#skipBreak(text, end)
      if (cr !== -1 && cr < start) cr = text.indexOf('\r', start)
      if (lf !== -1 && lf < start) lf = text.indexOf('\n', start)
    }
  }

  /** Where the line after the break at `end` starts. */
  #skipBreak(text: string, end: number): number {
    if (text.charCodeAt(end) !== CR) return end + 1
    if (end + 1 === text.length) this.#isAfterCr = true
    return text.charCodeAt(end + 1) === LF ? end + 2 : end + 1
  }

  #handOver(text: string, start: number, end: number): void {
    if (end - start > this.#lineCharactersMax) throw this.#tooLong(end - start)
    this.#sink.line(text, start, end)
  }

  #keep(text: string, start: number, end: number): void {
    this.#pendingLength += end - start
    if (this.#pendingLength > this.#lineCharactersMax) throw this.#tooLong(this.#pendingLength)
    this.#pending.push(text.slice(start, end))
  }

  #tooLong(length: number): WireError {
    return new WireError(
      'LINE_TOO_LONG',
      `A line may have ${this.#lineCharactersMax} characters at most; got ${length} or more. Raise lineCharactersMax if the sender is trusted.`,
    )
  }
}
