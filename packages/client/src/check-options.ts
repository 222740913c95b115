// Checks of options, for callers without types.

import { eventCharactersMaxMax } from './limits.ts'
import { optionError } from './option-error.ts'
import { requireTexts } from './wishes.ts'

/** @throws ClientError `OPTIONS_INVALID` */
export function checkFeedOptions(
  topics: readonly string[],
  options: { readonly since?: string | undefined; readonly lastEventId?: string | undefined },
): void {
  requireTexts('topics', topics)
  const { since, lastEventId } = options
  if (since !== undefined && typeof since !== 'string')
    throw optionError('since', 'a text, such as "-10" or "5m"', since)
  if (!isId(lastEventId ?? ''))
    throw optionError(
      'lastEventId',
      'the id of an event, a text without CR, LF and NUL',
      lastEventId,
    )
}

/** @throws ClientError `OPTIONS_INVALID` */
export function checkLinkOptions(options: {
  readonly heartbeatMs?: number | undefined
  readonly eventCharactersMax?: number | undefined
}): void {
  const { heartbeatMs, eventCharactersMax } = options
  if (heartbeatMs !== undefined && !(typeof heartbeatMs === 'number' && heartbeatMs > 0))
    throw optionError('heartbeatMs', 'a number above 0; leave it out for none', heartbeatMs)
  if (eventCharactersMax !== undefined && !isWholeNumber(eventCharactersMax, eventCharactersMaxMax))
    throw optionError(
      'eventCharactersMax',
      `a whole number from 1 to ${eventCharactersMaxMax}`,
      eventCharactersMax,
    )
}

/** No stream can bring another: a line break ends the id, and one with NUL is ignored. */
function isId(value: unknown): boolean {
  return typeof value === 'string' && !/[\r\n\0]/.test(value)
}

function isWholeNumber(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= max
}
