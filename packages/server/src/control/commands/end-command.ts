// Asks a session to say goodbye.

import type { CommandRow } from '../command-row.ts'

export interface EndAct {
  readonly reason: string
}

export const endCommand: CommandRow<EndAct, boolean> = {
  encode: ({ reason }) => ({ head: { reason }, data: '' }),
  decode: ({ reason }) => (typeof reason === 'string' ? { reason } : undefined),
  carryOut: async (place, { reason }) => {
    await place.handle().end(reason)
    return true
  },
}
