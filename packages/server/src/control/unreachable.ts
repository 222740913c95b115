// The error of a session that has not done what was asked of it in time.

import { ServerError } from '../errors.ts'
import { controlAnswerMs, controlMs } from './limits.ts'

export function unreachable(session: string | undefined): ServerError {
  const node = session === undefined ? 'This node itself' : `The node of the session ${session}`
  return new ServerError(
    'SESSION_UNREACHABLE',
    `${node} has not answered for ${controlMs + controlAnswerMs} ms: it is gone, or slow. What was asked for may have been done, and will not be done later.`,
  )
}
