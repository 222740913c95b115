// What was sent to a stream before the stream took more.

import { waitingPortionLength, waitingTextOverhead } from './limits.ts'

/** Text that waits, and the promise of those who wait with it. */
export class WaitingText {
  #texts: string[] = []
  #length = 0
  #room: Promise<boolean> | undefined
  #resolveRoom: ((isOpen: boolean) => void) | undefined

  /** Characters, and some for each text. */
  get length(): number {
    return this.#length
  }

  add(text: string): void {
    this.#texts.push(text)
    this.#length += text.length + waitingTextOverhead
  }

  putFirst(text: string): void {
    this.#texts.unshift(text)
    this.#length += text.length + waitingTextOverhead
  }

  /** The oldest texts, in one piece of some size, or undefined if nothing waits. */
  take(): string | undefined {
    let portion = ''
    let count = 0
    for (const text of this.#texts) {
      if (portion.length > 0 && portion.length + text.length > waitingPortionLength) break
      portion += text
      count += 1
    }
    if (count === 0) return undefined
    this.#texts.splice(0, count)
    this.#length -= portion.length + count * waitingTextOverhead
    return portion
  }

  /** Resolves to true once nothing waits and the stream takes more, to false when the stream is over. One promise for all who wait. */
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

  #settle(isOpen: boolean): void {
    const resolve = this.#resolveRoom
    this.#room = undefined
    this.#resolveRoom = undefined
    resolve?.(isOpen)
  }
}
