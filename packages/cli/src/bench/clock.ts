// The bench's time: one monotonic clock that all processes of a machine share, so that a publisher's
// time can be read by a receiver.

import process from 'node:process'
import { systemClock } from '@tidemark/client'
import type { Timer } from '@tidemark/client'

/** Microseconds of the machine's monotonic clock: the same in every process, never set back. */
export function readMicros(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e6 + nanoseconds / 1e3
}

/** The date and time now. */
export function readDate(): Date {
  return new Date(systemClock.now())
}

/**
 * Which second since `originMicros` it is: 0 is the first. Just after a full second it is still the one
 * that is over.
 */
export function secondOf(originMicros: number): number {
  return Math.max(0, Math.ceil((readMicros() - originMicros) / 1e6 - slackSeconds) - 1)
}

/** How late, or early, a timer may be and still mean the second that is over. */
const slackSeconds = 0.25

/**
 * Runs `task` after every full second since `originMicros` until cancelled: all processes of a run at
 * the same moments.
 */
export function onSeconds(originMicros: number, task: (second: number) => void): Timer {
  let timer: Timer
  const schedule = (): void => {
    const elapsedMs = (readMicros() - originMicros) / 1_000
    const restMs = 1_000 - (elapsedMs % 1_000)
    // Timers may be a little early; the full second they meant is over then, and the next one is meant now.
    timer = systemClock.after(
      Math.ceil(restMs < slackSeconds * 1_000 ? restMs + 1_000 : restMs),
      () => {
        schedule()
        task(secondOf(originMicros))
      },
    )
  }
  schedule()
  return { cancel: () => timer.cancel() }
}

/** Resolves after `delayMs`, or when the signal aborts. */
export function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve()
  return new Promise((resolve) => {
    const finish = (): void => {
      timer.cancel()
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    const timer = systemClock.after(delayMs, finish)
    signal?.addEventListener('abort', finish)
  })
}
