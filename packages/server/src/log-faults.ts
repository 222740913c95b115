// Errors of the log, in the engine's words.

import { LogError } from '@tidemark/log'
import { ServerError } from './errors.ts'

/** Log errors that keep their code: the publisher's to mend, and one for the operator. All others mean that the log cannot serve now. */
const codedFaults = [
  'IDEMPOTENCY_KEY_INVALID',
  'IDEMPOTENCY_KEY_REUSED',
  'BATCH_INVALID',
  'LOG_DIRECTORY_LOST',
] as const

/** For `promise.catch(wrapLogError)`. What is no LogError is a fault of ours and stays as it is. */
export function wrapLogError(error: unknown): never {
  if (!(error instanceof LogError)) throw error
  const fault = codedFaults.find((code) => code === error.code)
  throw new ServerError(fault ?? 'LOG_UNAVAILABLE', error.message, { cause: error })
}
