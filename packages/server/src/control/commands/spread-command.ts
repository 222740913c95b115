// Asks every node to write an event to the sessions of it that a target says.

import type { SpreadAct } from '../../send/spreader.ts'
import { isObject } from '../command-row.ts'
import type { CommandRow } from '../command-row.ts'

export const spreadCommand: CommandRow<SpreadAct, number> = {
  encode: ({ to, event: { data, ...event } }) => ({ head: { to, event }, data }),
  decode: ({ to, event }, data) =>
    isObject(to) && isObject(event) ? { to, event: { ...event, data } } : undefined,
  carryOut: (place, act) => place.spread(act, place.isLate),
}
