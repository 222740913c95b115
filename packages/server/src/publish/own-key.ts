// Idempotency keys of clients. Each user has keys of its own. Somebody else may guess a key, such as the
// number of an order, and cannot use it up before its publisher comes.

import { hasLogCode, requireIdempotencyKey } from '@tidemark/log/values'
import { quote } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import type { Grant } from '../request/grant.ts'
import { sha256 } from '../session/sha256.ts'

/**
 * The key under which the log knows the batch of a client. Visitors, and others of nobody in particular, are
 * as one user. No publisher can name such a key, so none of an application is met.
 * @throws ServerError `IDEMPOTENCY_KEY_INVALID`
 */
export function ownKey(key: string | undefined, { user }: Grant): string | undefined {
  if (key === undefined) return undefined
  try {
    requireIdempotencyKey(key)
  } catch (error) {
    return wrapLogError(error)
  }
  const hash = btoa(String.fromCharCode(...sha256(JSON.stringify([user ?? null, key]))))
  return `$hub/user/${hash}`
}

/** Throws the error of an append on, with the key as its publisher knows it. */
export function wrapKeyError(key: string | undefined, error: unknown): never {
  if (key === undefined || !hasLogCode(error, 'IDEMPOTENCY_KEY_REUSED')) return wrapLogError(error)
  throw new ServerError(
    'IDEMPOTENCY_KEY_REUSED',
    `The idempotency key ${quote(key)} was used for other events. Use a new key for new events.`,
    { cause: error },
  )
}
