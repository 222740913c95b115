// The name that a client gives its session, such as a device or a page.

import { quote } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { ownerCharactersMax } from '../limits.ts'

/**
 * Checks the label of a request.
 * @throws ServerError `QUERY_INVALID`
 */
export function checkLabel(label: string | undefined): string | undefined {
  if (label === undefined || isLabel(label)) return label
  throw new ServerError(
    'QUERY_INVALID',
    `label is a name for the stream, 1 to ${ownerCharactersMax} characters without control characters; got ${quote(label)}. Leave it out, or shorten it.`,
  )
}

function isLabel(text: string): boolean {
  if (text === '' || text.length > ownerCharactersMax || !text.isWellFormed()) return false
  // oxlint-disable-next-line no-control-regex -- finding control characters is the point
  return !/[\u0000-\u001f\u007f-\u009f]/.test(text)
}
