// Writing to a ledger, with errors that a client may be told.

import { translateLogError } from '@tidemark/server/hub'
import { AccessError } from './errors.ts'

/**
 * Resolves to what `write` resolves to.
 * @throws AccessError `ACCESS_STATE_FULL`; ServerError `LOG_UNAVAILABLE`
 */
export async function writeShared<Result>(write: () => Promise<Result>): Promise<Result> {
  try {
    return await write()
  } catch (error) {
    const isFull = error instanceof Error && 'code' in error && error.code === 'LEDGER_FULL'
    if (!isFull) throw translateLogError(error)
    throw new AccessError(
      'ACCESS_STATE_FULL',
      `The log keeps as many revocations or tickets as it may, so nothing was stored. Try again when some have ended. ${error.message}`,
      { cause: error },
    )
  }
}
