// Turns of the event loop, handed out one at a time. However many sessions replay at once (after a restart: all of them),
// each round of the loop carries one page, and new connections, publishes and live flushes have theirs in between.

declare const setImmediate: ((task: () => void) => void) | undefined

/** Runs a task in another round of the event loop, after input and output had theirs. */
const defer: (task: () => void) => void =
  typeof setImmediate === 'function' ? setImmediate : deferByMessage

/** Waiting for a turn, first come, first served. */
export class Turns {
  #waiting: (() => void)[] = []
  #isScheduled = false

  /** Resolves in a round of its own. */
  take(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return
    this.#isScheduled = true
    defer(() => {
      this.#isScheduled = false
      this.#waiting.shift()?.()
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
