// Asks the node of a session what became of an event there.

import type { Trace, TraceQuestion } from '../../trace/trace.ts'
import type { CommandRow } from '../command-row.ts'

export const traceCommand: CommandRow<TraceQuestion, Trace> = {
  encode: ({ event, session }) => ({ head: { event, of: session }, data: '' }),
  decode: ({ event, of }) =>
    typeof event === 'string' && typeof of === 'string' ? { event, session: of } : undefined,
  carryOut: (place, question) => place.trace(question),
}
