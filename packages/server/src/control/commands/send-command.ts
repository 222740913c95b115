// Asks a session to write an event of its own.

import type { SessionEvent } from '../../session/session-handle.ts'
import { isObject } from '../command-row.ts'
import type { CommandRow } from '../command-row.ts'

export interface SendAct {
  readonly event: SessionEvent & { readonly data: string }
}

export const sendCommand: CommandRow<SendAct, boolean> = {
  encode: ({ event: { data, ...event } }) => ({ head: { event }, data }),
  decode: ({ event }, data) => (isObject(event) ? { event: { ...event, data } } : undefined),
  carryOut: async (place, { event }) => place.handle().send(event),
}
