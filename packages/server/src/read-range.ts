// A number that was handed in, checked against its range.

import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from './errors.ts'

/**
 * The value of the one option given, `{ name: value }`.
 * @throws ServerError `OPTION_INVALID`
 */
export function readRange(
  option: Readonly<Record<string, number>>,
  { from, to }: { readonly from: number; readonly to: number },
): number {
  const [name, value] = Object.entries(option)[0] ?? ['an option', Number.NaN]
  // Not by comparing alone, which would take the text '15000' for a number.
  if (typeof value === 'number' && value >= from && value <= to) return value
  const range = to === Number.MAX_SAFE_INTEGER ? `${from} or more` : `from ${from} to ${to}`
  throw new ServerError('OPTION_INVALID', `${name} must be ${range}; got ${quoteValue(value)}.`)
}
