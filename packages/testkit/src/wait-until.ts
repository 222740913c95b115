// Waiting for something of the real world, in place of a sleep that hopes.

import { systemClock } from '@tidemark/log'
import { Stall } from './stall.ts'
import type { WaitOptions } from './stall.ts'

/** Between two looks. */
const pollMs = 20

/**
 * Resolves as soon as `isMet` answers true. An error of `isMet` ends the waiting.
 * Rejects when nothing has moved for too long, with `what` and the last answer.
 */
export async function waitUntil(
  what: string,
  isMet: () => boolean | Promise<boolean>,
  options: WaitOptions = {},
): Promise<void> {
  const stall = new Stall(options)
  while (!(await isMet())) {
    stall.look(what)
    await new Promise<void>((resolve) => systemClock.after(pollMs, resolve))
  }
}

/** Waits until a count has come to `wanted`, for as long as it moves. */
export function waitForCount(what: string, count: () => number, wanted: number): Promise<void> {
  return waitUntil(`${what}, ${wanted} of them`, () => count() >= wanted, { watch: count })
}

/**
 * Guards work that waits for many things: settles like it, or rejects when nothing has moved for
 * too long.
 */
export async function withinProgress<Result>(
  what: string,
  work: Promise<Result>,
  options: WaitOptions,
): Promise<Result> {
  let isOver = false
  const guard = waitUntil(what, () => isOver, options).then(() => work)
  try {
    return await Promise.race([work, guard])
  } finally {
    isOver = true
  }
}
