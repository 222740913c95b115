// The query of a URL, refused where it is not what its percent-encoding claims.

import { quote, quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'

/**
 * Parameters by which a client that cannot send headers says who it is. They are for `authorize`, and no
 * message shows them.
 */
export const credentialNames: readonly string[] = ['token', 'ticket']

/**
 * The pairs of a query string whose names are `names`. The others are somebody else's, and may be encoded as
 * they like.
 */
export function selectPairs(text: string, names: readonly string[]): string {
  return text
    .split('&')
    .filter((pair) => names.includes(readName(pair)))
    .join('&')
}

/** As `URLSearchParams` reads it; bytes that are no UTF-8 are in no name of ours. */
function readName(pair: string): string {
  const [name = ''] = pair.split('=', 1)
  try {
    return decodeURIComponent(name.replaceAll('+', ' '))
  } catch {
    return name
  }
}

/**
 * Parses a query string. `URLSearchParams` would silently replace bytes that are no UTF-8, and the client
 * would watch another topic than it named.
 * @throws ServerError `QUERY_INVALID`
 */
export function parseQueryText(text: string): URLSearchParams {
  if (typeof text !== 'string') {
    throw new ServerError(
      'QUERY_INVALID',
      `A query is the text behind the question mark of a URL; got ${quoteValue(text)}.`,
    )
  }
  try {
    decodeURIComponent(text)
  } catch (error) {
    throw new ServerError(
      'QUERY_INVALID',
      `The query must be percent-encoded UTF-8; got ${quote(hideCredentials(text))}. Encode each value, a percent sign as %25.`,
      { cause: error },
    )
  }
  return new URLSearchParams(text)
}

/**
 * A query without the values of its credentials.
 * @throws ServerError `QUERY_INVALID` for what is no text
 */
export function hideCredentials(query: string): string {
  if (typeof query !== 'string')
    throw new ServerError('QUERY_INVALID', `A query is a text; got ${quoteValue(query)}.`)
  return query
    .split('&')
    .map((pair) => {
      const name = readName(pair)
      return credentialNames.includes(name.toLowerCase()) ? `${name}=…` : pair
    })
    .join('&')
}
