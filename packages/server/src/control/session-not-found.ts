// The error of an id that no open session has.

import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'

export function sessionNotFound(id: string): ServerError {
  return new ServerError(
    'SESSION_NOT_FOUND',
    `There is no open session ${quoteValue(id)}. A client that reconnects gets a new id, in tidemark.ready.`,
  )
}
