// Asks a session to take another grant.

import type { Grant } from '../../request/grant.ts'
import { isObject } from '../command-row.ts'
import type { CommandRow } from '../command-row.ts'

export interface RenewAct {
  readonly grant: Grant
}

export const renewCommand: CommandRow<RenewAct, boolean> = {
  encode: ({ grant }) => ({ head: { grant }, data: '' }),
  decode: ({ grant }) => (isObject(grant) ? { grant } : undefined),
  carryOut: async (place, { grant }) => place.handle().renew(grant),
}
