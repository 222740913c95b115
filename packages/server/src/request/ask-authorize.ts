// Asking an application's `authorize`: for so long, for so many at one time, and without ending a client
// where it cannot say.

import type { Clock } from '@tidemark/log'
import { CodedError } from '../refusal/coded-error.ts'
import { ServerError } from '../errors.ts'
import { authorizeMsMax, authorizeWaitingMax } from '../limits.ts'
import { within } from '../within.ts'

/** The parts of the node that asking needs. */
interface AskHost {
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

/**
 * Wraps `authorize`. An answer that comes too late counts for nothing, or a client would wait for ever for
 * one that never comes. An answer that is there at once is no promise here either. It fails with the coded
 * error that `authorize` throws. If `authorize` throws anything else or takes too long, `onError` is told,
 * and the code is `ACCESS_UNAVAILABLE`. If too many wait, it is `FULL`.
 */
export function createAsk<Request, Grant>(
  authorize: (request: Request) => Grant | Promise<Grant>,
  { clock, onError }: AskHost,
): (request: Request) => Grant | Promise<Grant> {
  let waiting = 0
  const refuse = (cause: unknown): never => {
    if (cause instanceof CodedError) throw cause
    // The message of the cause is for the operator: it may say anything.
    onError(cause)
    throw new ServerError(
      'ACCESS_UNAVAILABLE',
      'It cannot be found out now whether the request may do this. Try again later.',
      { cause },
    )
  }
  const wait = async (answer: Promise<Grant>): Promise<Grant> => {
    waiting += 1
    try {
      return await within(answer, { clock, ms: authorizeMsMax, late: authorizeIsLate })
    } catch (cause) {
      return refuse(cause)
    } finally {
      waiting -= 1
    }
  }
  return (request) => {
    if (waiting >= authorizeWaitingMax) {
      throw new ServerError(
        'FULL',
        `This node asks authorize for ${authorizeWaitingMax} requests at once, and all of them wait. Try again later.`,
      )
    }
    try {
      const answer = authorize(request)
      return isAwaited(answer) ? wait(answer) : answer
    } catch (cause) {
      return refuse(cause)
    }
  }
}

/** Anything with a `then`, as `await` takes it. */
function isAwaited<Grant>(answer: Grant | Promise<Grant>): answer is Promise<Grant> {
  if (typeof answer !== 'object' || answer === null) return false
  return answer instanceof Promise || ('then' in answer && typeof answer.then === 'function')
}

function authorizeIsLate(): Error {
  return new Error(`authorize has not answered for ${authorizeMsMax} ms.`)
}
