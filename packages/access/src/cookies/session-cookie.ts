// The session cookie: its name, its line in an answer, and its value in a request.

import type { RequestFacts } from '@tidemark/server'
import { AccessError } from '../errors.ts'
import { cookieBytesMax, cookieMaxAgeMs } from '../limits.ts'
import type { CookieSettings } from './cookie-options.ts'
import { comesFromHttps, isPlainLoopback } from './own-origin.ts'

/**
 * The line that hands a token to the browser.
 * @param livesMs How long the token holds; undefined: until the browser ends.
 * @throws AccessError `COOKIE_TOO_LARGE`, `TOKEN_INVALID` for a token that no cookie can hold
 */
export function writeCookie(
  settings: CookieSettings,
  request: RequestFacts,
  { token, livesMs }: { readonly token: string; readonly livesMs: number | undefined },
): string {
  if (!valueShape.test(token))
    throw new AccessError('TOKEN_INVALID', 'The token holds characters that no cookie may hold.')
  const longestMs = Math.min(livesMs ?? Infinity, settings.maxAgeMs, cookieMaxAgeMs)
  const isKept = livesMs !== undefined || settings.maxAgeMs !== Infinity
  const line = joinLine(settings, request, {
    value: token,
    maxAge: isKept ? Math.max(0, Math.floor(longestMs / 1000)) : undefined,
  })
  if (line.length <= cookieBytesMax) return line
  throw new AccessError(
    'COOKIE_TOO_LARGE',
    `A cookie has ${cookieBytesMax} bytes with its name and attributes; this one has ${line.length}. Hand out a token with fewer claims, or send it as Authorization: Bearer.`,
  )
}

/** The line that takes it away. */
export function clearCookie(settings: CookieSettings, request: RequestFacts): string {
  return joinLine(settings, request, { value: '', maxAge: 0 })
}

/** RFC 6265 §4.1.1: the octets of a value. */
const valueShape = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/

function joinLine(
  settings: CookieSettings,
  request: RequestFacts,
  { value, maxAge }: { readonly value: string; readonly maxAge: number | undefined },
): string {
  const { domain, path, sameSite, name, plainName } = settings
  // A page over HTTPS has a proxy behind it that shows no other mark.
  const isPlain = isPlainLoopback(request) && !comesFromHttps(request)
  const isSecure = settings.secure === 'loopback' ? !isPlain : settings.secure
  const parts = [`${isSecure ? name : plainName}=${value}`, `Path=${path}`]
  if (domain !== undefined) parts.push(`Domain=${domain}`)
  if (maxAge !== undefined) parts.push(`Max-Age=${maxAge}`)
  parts.push('HttpOnly')
  if (isSecure) parts.push('Secure')
  parts.push(`SameSite=${sameSite}`)
  return parts.join('; ')
}

/**
 * The names under which the cookie may come, the one to believe first. A page of plain HTTP, or of a
 * neighbouring host, can set the name without a prefix. So that one counts on loopback only.
 */
export function listCookieNames(
  settings: CookieSettings,
  request: RequestFacts,
): readonly string[] {
  const { name, plainName, secure } = settings
  if (secure === false || name === plainName) return [plainName]
  return secure === 'loopback' && isPlainLoopback(request) ? [name, plainName] : [name]
}
