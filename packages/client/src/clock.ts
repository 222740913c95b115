// The only place where time and randomness come from; tests hand in ones they turn themselves.

import { timerDelayMaxMs } from './limits.ts'

/** A started timer. */
export interface Timer {
  cancel(): void
}

/** Time as the client needs it. */
export interface Clock {
  /** Milliseconds since 1970. May jump, also backwards. */
  now(): number
  /**
   * Runs `task` once after `delayMs`, 2³¹ - 1 ms at most. In Node the timer keeps the process alive: a
   * feed that waits is not done.
   */
  after(delayMs: number, task: () => void): Timer
}

/** A number from 0 (inclusive) to 1 (exclusive). */
export type Random = () => number

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, task) {
    const timer = setTimeout(task, Math.min(delayMs, timerDelayMaxMs))
    return { cancel: () => clearTimeout(timer) }
  },
}

/** The runtime's randomness: good enough to spread reconnects. */
export const systemRandom: Random = () => Math.random()

/** 128 random bits as text, so that no two publishers ever choose the same idempotency key. */
export function makeRandomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Resolves after `delayMs`, or as soon as the signal aborts. */
export function wait(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const finish = (): void => {
      timer.cancel()
      signal.removeEventListener('abort', finish)
      resolve()
    }
    const timer = clock.after(delayMs, finish)
    signal.addEventListener('abort', finish)
  })
}
