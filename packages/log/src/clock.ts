// The only source of time. Tests pass a clock of their own.

/** A started timer. */
export interface Timer {
  cancel(): void
}

/** How a timer behaves. */
export interface TimerOptions {
  /**
   * Keeps the process alive until the timer has run or was cancelled, because a caller awaits it.
   * Default false.
   */
  readonly isAwaited?: boolean | undefined
}

/** Time as a room needs it. */
export interface Clock {
  /** Milliseconds since 1970. May jump, also backwards. */
  now(): number
  /**
   * Milliseconds since some moment, with fractions. Never goes back: for measuring how long
   * something took.
   */
  elapsed(): number
  /** Runs `task` once after `delayMs`. The timer keeps a process alive only if it is awaited. */
  after(delayMs: number, task: () => void, options?: TimerOptions): Timer
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(delayMs, task, { isAwaited = false } = {}) {
    const timer = setTimeout(task, delayMs)
    // Node and Deno return an object with `unref`; browsers return a number.
    const host = timer as number | { unref?(): void }
    if (typeof host === 'object' && !isAwaited) host.unref?.()
    return { cancel: () => clearTimeout(timer) }
  },
}
