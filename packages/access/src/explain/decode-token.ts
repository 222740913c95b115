// Takes a token apart. Nothing of it is proved: anybody can write such a token.

import { decodeJwt, decodeProtectedHeader } from 'jose'

/** A token, taken apart. */
export interface DecodedToken {
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
}

/** Undefined for what is no signed JWT. RFC 7519. */
export function decodeToken(token: string): DecodedToken | undefined {
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) }
  } catch {
    return undefined
  }
}
