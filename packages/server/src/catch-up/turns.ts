// Turns of the event loop, handed out one at a time. After a restart all sessions replay at once. However
// many they are, each round of the loop carries one page. New connections, publishes and live flushes have
// their turns in between.

declare const setImmediate: ((task: () => void) => void) | undefined

/** Runs a task in another round of the event loop, after input and output had theirs. */
const defer: (task: () => void) => void =
  typeof setImmediate === 'function' ? setImmediate : deferByMessage

/** Waiting for a turn, first come, first served. */
export class Turns {
  /** By owner, first come first. */
  readonly #waiting = new Map<object, () => void>()
  #isScheduled = false

  /**
   * Resolves in a round of its own, or when the owner, which waits for one turn at a time, leaves the line.
   */
  take(owner: object): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.set(owner, resolve)
      this.#schedule()
    })
  }

  /** An owner that is gone costs no round, and its place in line no memory. */
  leave(owner: object): void {
    const go = this.#waiting.get(owner)
    this.#waiting.delete(owner)
    go?.()
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.size === 0) return
    this.#isScheduled = true
    defer(() => {
      this.#isScheduled = false
      for (const owner of this.#waiting.keys()) {
        this.leave(owner)
        break
      }
      this.#schedule()
    })
  }
}

/** Elsewhere than in Node: a message to oneself, which is not slowed down as timers are. */
function deferByMessage(task: () => void): void {
  const { port1, port2 } = new MessageChannel()
  port1.addEventListener('message', () => {
    port1.close()
    task()
  })
  port1.start()
  port2.postMessage(undefined)
}
