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
    void settle(answer, { resolve, reject, done: () => timer.cancel() })
  })
}

async function settle<Answer>(
  answer: Answer | Promise<Answer>,
  to: {
    readonly resolve: (value: Answer) => void
    readonly reject: (error: unknown) => void
    readonly done: () => void
  },
): Promise<void> {
  try {
    to.resolve(await answer)
  } catch (error) {
    to.reject(error)
  } finally {
    to.done()
  }
}
