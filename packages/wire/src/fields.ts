// The rules for field lines, as both sides know them.
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation

import { WireError } from './errors.ts'
import { quote, quoteValue } from './quote.ts'

const reserved: ReadonlySet<string> = new Set(['id', 'event', 'data', 'retry'])

/** Whether the text would end its line early. */
export function hasLineBreak(text: string): boolean {
  return text.includes('\n') || text.includes('\r')
}

/** Checks an extra field such as `topic: orders/42`. Throws WireError `EVENT_FIELD_INVALID`. */
export function checkField(name: string, value: string): void {
  const reason = describeNameFault(name)
  if (reason !== undefined) {
    throw new WireError(
      'EVENT_FIELD_INVALID',
      `${quoteValue(name)} cannot name a field: ${reason}. Use a word such as "topic".`,
    )
  }
  if (typeof value !== 'string' || hasLineBreak(value)) {
    throw new WireError(
      'EVENT_FIELD_INVALID',
      `The value of the field ${quote(name)} is text without CR or LF; got ${quoteValue(value)}. Put texts of several lines into the data.`,
    )
  }
}

function describeNameFault(name: string): string | undefined {
  if (typeof name !== 'string') return 'it is no text'
  if (name === '') return 'it is empty, which makes the line a comment'
  if (reserved.has(name)) return 'the format has its own use for it'
  if (name.includes(':')) return 'a colon ends the name'
  if (hasLineBreak(name)) return 'it must not contain CR or LF'
  // At the start of a stream the decoder would drop it.
  if (name.startsWith('\uFEFF')) return 'it starts with a byte order mark'
  return undefined
}
