// Asks a session to follow other topics.

import type { TopicChange } from '../../session/session-handle.ts'
import { isObject } from '../command-row.ts'
import type { CommandRow } from '../command-row.ts'

export interface ChangeAct {
  readonly change: TopicChange
}

export const changeCommand: CommandRow<ChangeAct, boolean> = {
  encode: ({ change }) => ({ head: { change }, data: '' }),
  decode: ({ change }) => (isObject(change) ? { change } : undefined),
  carryOut: async (place, { change }) => place.handle().changeTopics(change),
}
