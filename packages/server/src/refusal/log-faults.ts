// Errors of the log in the engine's words. Only here it is said which of them a client has caused, which
// pass, and which are faults of the server.

import { logErrors } from '@tidemark/log'
import type { LogErrorCode } from '@tidemark/log'
import { CodedError } from './coded-error.ts'
import { ServerError } from '../errors.ts'

/** The client's to mend. */
const clientFaults = [
  'TOPIC_INVALID',
  'TOPIC_SET_INVALID',
  'BATCH_INVALID',
  'HEAD_MOVED',
  'IDEMPOTENCY_KEY_INVALID',
  'IDEMPOTENCY_KEY_REUSED',
] as const

/** Passing, and the operator's to mend: it keeps its code. */
const operatorFaults = ['LOG_DIRECTORY_LOST', 'LOG_SUPERSEDED'] as const

/** Only code asks so: a mistake of the server's, whatever the client sends. */
const serverFaults: readonly LogErrorCode[] = [
  'POSITION_INVALID',
  'OPTION_INVALID',
  'RETENTION_INVALID',
]

/**
 * The coded error that a client gets for an error of the log. All other log errors mean that the log cannot
 * serve now: it is closed, its storage fails, or its records are damaged. An error that is no `LogError`, or
 * a mistake of the server's, stays as it is.
 */
export function translateLogError(error: unknown): unknown {
  if (!isLogError(error) || serverFaults.includes(error.code)) return error
  const fault = [...clientFaults, ...operatorFaults].find((code) => code === error.code)
  return new ServerError(fault ?? 'LOG_UNAVAILABLE', error.message, { cause: error })
}

/** By its code, not by its class: a driver may bring a copy of the log's room of its own. */
function isLogError(error: unknown): error is Error & { readonly code: LogErrorCode } {
  if (!(error instanceof Error) || error instanceof CodedError || !('code' in error)) return false
  return typeof error.code === 'string' && Object.hasOwn(logErrors, error.code)
}

/** For `promise.catch(wrapLogError)`. */
export function wrapLogError(error: unknown): never {
  throw translateLogError(error)
}
