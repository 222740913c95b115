// Waiting for a condition of the real world, in place of a sleep that hopes.

import { systemClock } from '@tidemark/log'

/** Between two looks. */
const pollMs = 20

/**
 * Resolves as soon as `isMet` answers true. What it throws ends the waiting.
 * Rejects with `what` in its message when that takes longer than `timeoutMs` (default 15 s).
 */
export async function waitUntil(
  what: string,
  isMet: () => boolean | Promise<boolean>,
  timeoutMs: number = 15_000,
): Promise<void> {
  const deadline = systemClock.now() + timeoutMs
  while (!(await isMet())) {
    if (systemClock.now() > deadline)
      throw new Error(`Waited ${timeoutMs} ms in vain until ${what}.`)
    await new Promise<void>((resolve) => systemClock.after(pollMs, resolve))
  }
}
