// Text that waits until a stream takes more.

import { Block } from '../framing/block.ts'
import { smallTextLengthMax, waitingPortionLength, waitingTextOverhead } from './limits.ts'

/** Text that waits, and the promise of those who wait with it. */
export class WaitingText {
  /**
   * Small texts as they are, large ones as bytes: a text of a million lines would take five times as much (a
   * rope of V8's).
   */
  #texts: (Block | string)[] = []
  #length = 0
  #room: Promise<boolean> | undefined
  #resolveRoom: ((isOpen: boolean) => void) | undefined

  /** Characters of small texts, bytes of large ones, and some for each. */
  get length(): number {
    return this.#length
  }

  add(text: string): void {
    const item = text.length > smallTextLengthMax ? Block.fromText(text) : text
    this.#texts.push(item)
    this.#length += measure(item)
  }

  /** Puts a text before all others. */
  putFirst(text: string): void {
    this.#texts.unshift(text)
    this.#length += measure(text)
  }

  /** The oldest texts, small ones in a piece of some size, or undefined if nothing waits. */
  take(): Block | undefined {
    const [first] = this.#texts
    if (typeof first === 'string') return this.#takeSmall()
    if (first !== undefined) this.#remove(1)
    return first
  }

  /**
   * Resolves to true once nothing waits and the stream takes more, to false when the stream is over. One
   * promise for all who wait.
   */
  room(): Promise<boolean> {
    this.#room ??= new Promise((resolve) => (this.#resolveRoom = resolve))
    return this.#room
  }

  openRoom(): void {
    this.#settle(true)
  }

  drop(): void {
    this.#texts = []
    this.#length = 0
    this.#settle(false)
  }

  #takeSmall(): Block {
    let portion = ''
    let count = 0
    for (const text of this.#texts) {
      if (typeof text !== 'string' || portion.length > waitingPortionLength) break
      portion += text
      count += 1
    }
    this.#remove(count)
    return Block.fromText(portion)
  }

  #remove(count: number): void {
    for (const item of this.#texts.splice(0, count)) this.#length -= measure(item)
  }

  #settle(isOpen: boolean): void {
    const resolve = this.#resolveRoom
    this.#room = undefined
    this.#resolveRoom = undefined
    resolve?.(isOpen)
  }
}

function measure(item: Block | string): number {
  return (typeof item === 'string' ? item.length : item.bytes.length) + waitingTextOverhead
}
