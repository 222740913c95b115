// The name of a permission, as an application asks for it.

import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'

/** @throws ServerError `OPTION_INVALID` */
export function requirePermissionName(name: string): void {
  if (typeof name === 'string' && name !== '') return
  throw new ServerError(
    'OPTION_INVALID',
    `A permission is a text such as admin; got ${quoteValue(name)}.`,
  )
}
