// Asking an application's `authorize`: for so long, and for so many at one time.

import type { Clock } from '@tidemark/log'
import { ServerError } from './errors.ts'
import { authorizeMsMax, authorizeWaitingMax } from './limits.ts'

/**
 * Asks `authorize`. An answer that comes too late counts for nothing, or a client would wait for ever for one that never comes.
 * Rejects with what `authorize` throws, with an error without a code when it takes too long, and with `FULL` when too many wait.
 */
export function createAsk<Request, Grant>(
  authorize: (request: Request) => Grant | Promise<Grant>,
  clock: Clock,
): (request: Request) => Promise<Grant> {
  let waiting = 0
  return async (request) => {
    if (waiting >= authorizeWaitingMax) {
      throw new ServerError(
        'FULL',
        `This node asks authorize for ${authorizeWaitingMax} requests at once, and all of them wait. Try again later.`,
      )
    }
    waiting += 1
    try {
      return await waitFor(authorize(request), clock)
    } finally {
      waiting -= 1
    }
  }
}

async function waitFor<Grant>(answer: Grant | Promise<Grant>, clock: Clock): Promise<Grant> {
  let giveUp: (error: Error) => void = () => undefined
  const late = new Promise<never>((_, reject) => (giveUp = reject))
  const timer = clock.after(authorizeMsMax, () =>
    giveUp(new Error(`authorize has not answered for ${authorizeMsMax} ms.`)),
  )
  try {
    return await Promise.race([answer, late])
  } finally {
    timer.cancel()
  }
}
