// Errors of the log, in the engine's words.

import { LogError } from '@tidemark/log'
import { ServerError } from './errors.ts'

/** Log errors that are the publisher's to mend; all others mean that the log cannot serve now. */
const publisherFaults = [
  'IDEMPOTENCY_KEY_INVALID',
  'IDEMPOTENCY_KEY_REUSED',
  'BATCH_INVALID',
] as const

/** For `promise.catch(wrapLogError)`. What is no LogError is a fault of ours and stays as it is. */
export function wrapLogError(error: unknown): never {
  if (!(error instanceof LogError)) throw error
  const fault = publisherFaults.find((code) => code === error.code)
  throw new ServerError(fault ?? 'LOG_UNAVAILABLE', error.message, { cause: error })
}
