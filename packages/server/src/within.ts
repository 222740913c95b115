// An answer that is waited for so long and no longer.

import type { Clock, TimerOptions } from '@tidemark/log'

/**
 * Resolves to the answer. An answer that comes too late counts for nothing.
 * @param late makes the error with which it rejects after `ms`
 */
export async function within<Answer>(
  answer: Answer | Promise<Answer>,
  { clock, ms, late }: { readonly clock: Clock; readonly ms: number; readonly late: () => Error },
  options?: TimerOptions,
): Promise<Answer> {
  let giveUp: (error: Error) => void = () => undefined
  const ended = new Promise<never>((_, reject) => (giveUp = reject))
  const timer = clock.after(ms, () => giveUp(late()), options)
  try {
    return await Promise.race([answer, ended])
  } finally {
    timer.cancel()
  }
}
