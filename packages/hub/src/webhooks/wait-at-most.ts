// Waiting for something that may never come.

import type { Clock } from '@tidemark/log'

/** Resolves when `done` has settled, or after `delayMs`. */
export async function waitAtMost(
  clock: Clock,
  delayMs: number,
  done: Promise<unknown>,
): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = clock.after(delayMs, resolve, { isAwaited: true })
    const end = (): void => {
      timer.cancel()
      resolve()
    }
    done.then(end, end)
  })
}
