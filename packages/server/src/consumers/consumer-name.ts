// The name of a consumer: a device or a use, such as `phone`, of one user.

import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { consumerNameCharactersMax } from './limits.ts'

const shape = /^[0-9A-Za-z._-]+$/

/**
 * Checks a name; undefined stays so.
 * @throws ServerError `CONSUMER_INVALID`
 */
export function checkConsumerName(name: string | undefined): string | undefined {
  return name === undefined ? undefined : requireConsumerName(name)
}

/**
 * @throws ServerError `CONSUMER_INVALID`
 */
export function requireConsumerName(name: unknown): string {
  if (typeof name === 'string' && shape.test(name) && name.length <= consumerNameCharactersMax)
    return name
  throw new ServerError(
    'CONSUMER_INVALID',
    `The name of a consumer has 1 to ${consumerNameCharactersMax} of 0-9, A-Z, a-z, dot, - and _, such as phone; got ${quoteValue(name)}.`,
  )
}
