// The only place where time comes from; tests hand in one they turn themselves.

/** A started timer. */
export interface Timer {
  cancel(): void
}

/** Time as a room needs it. */
export interface Clock {
  /** Milliseconds since 1970. May jump, also backwards. */
  now(): number
  /** Runs `task` once after `delayMs`. The timer never keeps a process alive by itself. */
  after(delayMs: number, task: () => void): Timer
}


/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, delayMs)
    timer.unref?.()
    return { cancel: () => clearTimeout(timer) }
  },
}
