// The refusal of an option.

import { quoteValue } from '@tidemark/wire/values'
import { ClientError } from './errors.ts'

/** The error for an option that is none of what it may be. */
export function optionError(name: string, wanted: string, got: unknown): ClientError {
  return new ClientError('OPTIONS_INVALID', `${name} must be ${wanted}; got ${quoteValue(got)}.`)
}
