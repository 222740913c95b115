// The error of a session that has not done what was asked of it in time.

import { ServerError } from '../errors.ts'
import { controlAnswerMs, controlMs } from './limits.ts'

export function unreachable(session: string): ServerError {
  return new ServerError(
    'SESSION_UNREACHABLE',
    `The node of the session ${session} has not answered for ${controlMs + controlAnswerMs} ms: it is gone, or slow. What was asked for may have been done, and will not be done later.`,
  )
}
