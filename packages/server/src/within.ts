// An answer that is waited for so long and no longer.

import type { Clock, TimerOptions } from '@tidemark/log'

/**
 * Resolves to the answer. An answer that comes too late counts for nothing.
 * @param late makes the error with which it rejects after `ms`
 */
export function within<Answer>(
  answer: Answer | Promise<Answer>,
  { clock, ms, late }: { readonly clock: Clock; readonly ms: number; readonly late: () => Error },
  options?: TimerOptions,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(ms, () => reject(late()), options)
    Promise.resolve(answer).then(
      (value) => {
        timer.cancel()
        resolve(value)
      },
      (error: unknown) => {
        timer.cancel()
        reject(error)
      },
    )
  })
}
