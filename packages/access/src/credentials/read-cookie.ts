// Reads one cookie out of a Cookie header (RFC 6265 §5.4).

import { refuseToken } from '../refuse-token.ts'

/**
 * The value of a cookie; undefined without it, and for an empty one.
 * @throws AccessError `TOKEN_INVALID` where the name comes twice with different values: a page of a
 * neighbouring domain may have set one of them
 */
export function readCookie(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined
  const prefix = `${name}=`
  const values = new Set(
    header
      .split(';')
      .map((pair) => pair.trim())
      .filter((pair) => pair.startsWith(prefix))
      .map((pair) => unquote(pair.slice(prefix.length))),
  )
  if (values.size > 1) {
    throw refuseToken(
      'The cookie of the session comes twice, with different values. Sign out and in again, and look for another site of the domain that sets it too.',
    )
  }
  const [value] = values
  return value === '' ? undefined : value
}

function unquote(value: string): string {
  return /^"[^"]*"$/.test(value) ? value.slice(1, -1) : value
}
