// The query of a URL, refused where it is not what its percent-encoding claims.

import { ServerError } from './errors.ts'
import { quote } from './quote.ts'

/**
 * Parses a query string. `URLSearchParams` would silently replace bytes that are no UTF-8, and the client would watch
 * another topic than it named.
 * @throws ServerError `QUERY_INVALID`
 */
export function parseQueryText(text: string): URLSearchParams {
  try {
    decodeURIComponent(text)
  } catch (error) {
    throw new ServerError(
      'QUERY_INVALID',
      `The query must be percent-encoded UTF-8; got ${quote(text)}. Encode each value, a percent sign as %25.`,
      { cause: error },
    )
  }
  return new URLSearchParams(text)
}
