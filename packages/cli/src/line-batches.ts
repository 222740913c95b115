// Lines of a stream in batches: whatever is there, at once, never more than a request takes; the stream
// pauses when enough waits.

import type { Readable } from 'node:stream'
import { CliError } from './errors.ts'
import { batchBytesMax, batchLinesMax, waitingBytesMax, waitingLinesMax } from './limits.ts'
import { LineSplitter } from './line-splitter.ts'

/** Lines that follow each other. */
export interface LineBatch {
  /** Number of the first line, from 1. */
  readonly first: number
  /** At least one. */
  readonly lines: readonly string[]
}

interface WaitingLine {
  readonly text: string
  readonly bytes: number
}

/** Reads a stream ahead, within bounds, for one taker. */
export class LineBatches {
  readonly #input: Readable
  readonly #splitter = new LineSplitter((text, bytes) => this.#add({ text, bytes }))
  #waiting: WaitingLine[] = []
  #waitingBytes = 0
  #taken = 0
  #isEnded = false
  #fault: unknown
  #wake: (() => void) | undefined

  constructor(input: Readable) {
    this.#input = input
    input.on('data', (chunk: Buffer) => this.#guard(() => this.#splitter.push(chunk)))
    input.on('end', () => {
      this.#guard(() => this.#splitter.end())
      this.stop()
    })
    input.on('error', (cause) => {
      const fault = `Standard input cannot be read: ${cause.message}.`
      this.#fail(new CliError('INPUT_FAILED', fault, { cause }))
    })
  }

  /** Lines read and not yet taken. */
  get waiting(): number {
    return this.#waiting.length
  }

  /**
   * The next lines, as soon as there is one; undefined after the last.
   * @throws CliError `LINE_NOT_UTF8`, `LINE_TOO_LONG`, `INPUT_FAILED`, after the lines before the fault
   */
  async take(): Promise<LineBatch | undefined> {
    while (this.#waiting.length === 0) {
      if (this.#fault !== undefined) throw this.#fault
      if (this.#isEnded) return undefined
      this.#input.resume()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const batch = this.#waiting.splice(0, this.#countNext())
    const first = this.#taken + 1
    this.#taken += batch.length
    for (const { bytes } of batch) this.#waitingBytes -= bytes
    if (!this.#isEnded && !this.#isFull()) this.#input.resume()
    return { first, lines: batch.map(({ text }) => text) }
  }

  /** Reads no further: what is left of an unfinished line is dropped. */
  stop(): void {
    this.#isEnded = true
    this.#input.pause()
    this.#notify()
  }

  #countNext(): number {
    let bytes = 0
    for (let count = 0; count < batchLinesMax; count++) {
      const next = this.#waiting[count]
      if (next === undefined) return count
      bytes += next.bytes
      if (bytes > batchBytesMax && count > 0) return count
    }
    return batchLinesMax
  }

  #add(line: WaitingLine): void {
    this.#waiting.push(line)
    this.#waitingBytes += line.bytes
    if (this.#isFull()) this.#input.pause()
    this.#notify()
  }

  #isFull(): boolean {
    return this.#waiting.length >= waitingLinesMax || this.#waitingBytes >= waitingBytesMax
  }

  #guard(work: () => void): void {
    if (this.#isEnded) return
    try {
      work()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#fault ??= error
    this.stop()
  }

  #notify(): void {
    this.#wake?.()
    this.#wake = undefined
  }
}
