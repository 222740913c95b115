// The attributes of the session cookie, checked against each other before the first request.

import { createMemberReaders } from '@tidemark/log/values'
import { quoteValue } from '@tidemark/wire/values'
import { AccessError } from '../errors.ts'

/** The cookie that a token is traded for. */
export interface CookieOptions {
  /** Only over HTTPS. Default: always, but for a request over plain HTTP to a loopback name. */
  readonly secure?: boolean | undefined
  /** Which requests of pages of other sites carry it. `None` needs `secure`. Default `Lax`. */
  readonly sameSite?: 'Lax' | 'None' | 'Strict' | undefined
  /** The host names that get it: this one and all below it. Default: the one that set it, alone. */
  readonly domain?: string | undefined
  /** The paths that get it. Default `/`. */
  readonly path?: string | undefined
  /** The longest it is kept, in milliseconds; never longer than its token. Default: as long as its token. */
  readonly maxAgeMs?: number | undefined
}

/** Checked, with the defaults. */
export interface CookieSettings {
  /** The name over HTTPS. */
  readonly name: string
  /** The name over plain HTTP to loopback, where no prefix is possible. */
  readonly plainName: string
  /** `loopback`: but for plain HTTP to a loopback name. */
  readonly secure: boolean | 'loopback'
  readonly sameSite: 'Lax' | 'None' | 'Strict'
  readonly domain: string | undefined
  readonly path: string
  readonly maxAgeMs: number
}

const optionNames = ['secure', 'sameSite', 'domain', 'path', 'maxAgeMs'] as const
const sameSites = ['Lax', 'None', 'Strict'] as const

const { readMembers } = createMemberReaders<'ACCESS_OPTION_INVALID'>(AccessError)

/**
 * Checks the options of the cookie, or refuses those that contradict each other: browsers drop such a cookie
 * without a word.
 * @param cookieName Taken as it is. Undefined: `tidemark`, with the strongest prefix that the attributes
 * allow: `__Host-` without `domain` and with the path `/`, else `__Secure-`.
 * @throws AccessError `ACCESS_OPTION_INVALID`
 */
export function checkCookieOptions(given: CookieOptions = {}, cookieName?: string): CookieSettings {
  const what = 'cookie'
  const options = readMembers(given, optionNames, { code: 'ACCESS_OPTION_INVALID', what })
  const unknown = Object.keys(given).find((name) => !optionNames.some((known) => known === name))
  if (unknown !== undefined)
    throw invalid(
      `cookie has no option ${quoteValue(unknown)}. Known are ${optionNames.join(', ')}`,
    )
  const { secure, sameSite = 'Lax', domain, path = '/', maxAgeMs = Infinity } = options
  if (!sameSites.includes(sameSite))
    throw invalid(`cookie.sameSite is Lax, None or Strict; got ${quoteValue(sameSite)}`)
  if (secure !== undefined && typeof secure !== 'boolean')
    throw invalid(`cookie.secure is true or false; got ${quoteValue(secure)}`)
  if (typeof maxAgeMs !== 'number' || !(maxAgeMs >= 1000))
    throw invalid(`cookie.maxAgeMs is 1,000 or more; got ${quoteValue(maxAgeMs)}`)
  checkPlace(domain, path)
  if (sameSite === 'None' && secure === false) {
    throw invalid(
      'cookie.sameSite None needs secure, or browsers drop the cookie. Leave secure out, or say Lax',
    )
  }
  const names = readNames(cookieName, { secure, domain, path })
  const isPrefixed = names.name === names.plainName && prefixShape.test(names.name)
  return {
    ...names,
    secure: secure ?? (sameSite === 'None' || isPrefixed ? true : 'loopback'),
    sameSite,
    domain,
    path,
    maxAgeMs,
  }
}

function checkPlace(domain: unknown, path: unknown): void {
  const isDomain =
    domain === undefined ||
    (typeof domain === 'string' &&
      domain.length <= 253 &&
      /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(domain))
  if (!isDomain)
    throw invalid(`cookie.domain is a host name such as example.com; got ${quoteValue(domain)}`)
  const isPath =
    typeof path === 'string' && path.length <= 1024 && /^\/[\x21-\x3a\x3c-\x7e]*$/.test(path)
  if (!isPath)
    throw invalid(`cookie.path begins with / and holds no ; and no space; got ${quoteValue(path)}`)
}

interface Place {
  readonly secure: boolean | undefined
  readonly domain: string | undefined
  readonly path: string
}

const prefixShape = /^__(?:host|secure)-/i

function readNames(
  name: unknown,
  { secure, domain, path }: Place,
): Pick<CookieSettings, 'name' | 'plainName'> {
  const isHost = domain === undefined && path === '/'
  if (name === undefined) {
    const plainName = 'tidemark'
    const prefix = isHost ? '__Host-' : '__Secure-'
    return { name: secure === false ? plainName : prefix + plainName, plainName }
  }
  // RFC 6265 §4.1.1: a token.
  if (typeof name !== 'string' || !/^[\w!#$%&'*+.^`|~-]{1,128}$/.test(name)) {
    throw invalid(
      `cookieName is 1 to 128 letters, digits and -_.!#$%&'*+^\`|~; got ${quoteValue(name)}`,
    )
  }
  const prefix = prefixShape.exec(name)?.[0].toLowerCase()
  if (prefix !== undefined && secure === false)
    throw invalid(`cookieName ${name} needs cookie.secure. Leave secure out, or the prefix`)
  if (prefix === '__host-' && !isHost) {
    throw invalid(
      `cookieName ${name} takes no cookie.domain, and the path / only. Leave them out, or say __Secure-`,
    )
  }
  return { name, plainName: name }
}

function invalid(text: string): AccessError {
  return new AccessError('ACCESS_OPTION_INVALID', `${text}.`)
}
