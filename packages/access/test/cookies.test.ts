import { expect, test } from 'vitest'
import { checkCookieOptions } from '../src/cookies/cookie-options.ts'
import type { CookieOptions } from '../src/cookies/cookie-options.ts'
import { requireOwnOrigin } from '../src/cookies/own-origin.ts'
import { clearCookie, listCookieNames, writeCookie } from '../src/cookies/session-cookie.ts'
import { streamRequest } from './support/access-node.ts'

const far = streamRequest({ headers: { host: 'example.com', origin: 'https://example.com' } })
const near = streamRequest({ headers: { host: 'localhost:7070' } })

test.each<[string, CookieOptions, string]>([
  [
    'on its own host',
    {},
    '__Host-tidemark=abc; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax',
  ],
  [
    'for a whole domain',
    { domain: 'example.com', sameSite: 'Strict' },
    '__Secure-tidemark=abc; Path=/; Domain=example.com; Max-Age=60; HttpOnly; Secure; SameSite=Strict',
  ],
  [
    'below a path',
    { path: '/hub', sameSite: 'None' },
    '__Secure-tidemark=abc; Path=/hub; Max-Age=60; HttpOnly; Secure; SameSite=None',
  ],
  [
    'without Secure where the operator says so',
    { secure: false },
    'tidemark=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Lax',
  ],
  [
    'for less than its token lives',
    { maxAgeMs: 30_000 },
    '__Host-tidemark=abc; Path=/; Max-Age=30; HttpOnly; Secure; SameSite=Lax',
  ],
])('a cookie %s has every attribute that protects it', (_name, options, line) => {
  const settings = checkCookieOptions(options)
  expect(writeCookie(settings, far, { token: 'abc', livesMs: 60_999 })).toBe(line)
  expect(clearCookie(settings, far)).toBe(
    line.replace('=abc', '=').replace(/Max-Age=\d+/, 'Max-Age=0'),
  )
})

test('the cookie of a token without an end goes with its browser', () => {
  const line = writeCookie(checkCookieOptions({}), far, { token: 'abc', livesMs: undefined })
  expect(line).not.toContain('Max-Age')
})

test('over plain HTTP to this machine the cookie is not Secure, or the browser would drop it', () => {
  const settings = checkCookieOptions({})
  const line = writeCookie(settings, near, { token: 'abc', livesMs: 1000 })
  expect(line).toBe('tidemark=abc; Path=/; Max-Age=1; HttpOnly; SameSite=Lax')
  expect(listCookieNames(settings, near)).toEqual(['__Host-tidemark', 'tidemark'])
})

test.each([
  ['a page over HTTPS', { host: '127.0.0.1:7070', origin: 'https://example.com' }],
  ['a proxy', { host: 'localhost:7070', 'x-forwarded-for': '192.0.2.1' }],
  ['another name', { host: 'localhost.example.com' }],
])('a hub on this machine behind %s does not leave Secure out', (_name, headers) => {
  const settings = checkCookieOptions({})
  const line = writeCookie(settings, streamRequest({ headers }), { token: 'a', livesMs: 1000 })
  expect(line).toContain('; Secure')
})

test('a neighbour that sets the cookie without its prefix is not believed', () => {
  expect(listCookieNames(checkCookieOptions({}), far)).toEqual(['__Host-tidemark'])
})

test('a token that fits into no cookie is refused before a browser drops it in silence', () => {
  const settings = checkCookieOptions({})
  const fits = 4096 - '__Host-tidemark=; Path=/; HttpOnly; Secure; SameSite=Lax'.length
  writeCookie(settings, far, { token: 'x'.repeat(fits), livesMs: undefined })
  const write = (): string =>
    writeCookie(settings, far, { token: 'x'.repeat(fits + 1), livesMs: undefined })
  expect(write).toThrow(expect.objectContaining({ code: 'COOKIE_TOO_LARGE', status: 413 }))
})

test.each(['a b', 'a;b', 'a\r\nSet-Cookie: b=c', 'a"b', 'a,b', 'ä', ''])(
  'a token %j cannot forge a line of the answer',
  (token) => {
    const write = (): string =>
      writeCookie(checkCookieOptions({}), far, { token, livesMs: undefined })
    expect(write).toThrow(expect.objectContaining({ code: 'TOKEN_INVALID' }))
  },
)

test('a cookie of a name that was given keeps that name, for whoever else reads or sets it', () => {
  const settings = checkCookieOptions({}, 'sid')
  expect(writeCookie(settings, far, { token: 'abc', livesMs: undefined })).toMatch(
    /^sid=.*; Secure/,
  )
  expect(listCookieNames(settings, far)).toEqual(['sid'])
  const prefixed = checkCookieOptions({}, '__Host-sid')
  expect(writeCookie(prefixed, near, { token: 'abc', livesMs: undefined })).toMatch(/Secure/)
})

test.each<[CookieOptions & { readonly name?: string }, string]>([
  [{ sameSite: 'None', secure: false }, 'None needs secure'],
  [{ name: '__Host-a', domain: 'example.com' }, 'takes no cookie.domain'],
  [{ name: '__Host-a', path: '/hub' }, 'takes no cookie.domain'],
  [{ name: '__host-a', path: '/hub' }, 'takes no cookie.domain'],
  [{ name: '__Secure-a', secure: false }, 'needs cookie.secure'],
  [{ name: 'a b' }, 'cookieName'],
  [{ name: 'a\r\nb' }, 'cookieName'],
  [{ name: '' }, 'cookieName'],
  [{ domain: 'a b' }, 'cookie.domain'],
  [{ domain: 'a\r\nb' }, 'cookie.domain'],
  [{ path: 'hub' }, 'cookie.path'],
  [{ path: '/a;b' }, 'cookie.path'],
  [{ path: '/a\r\nb' }, 'cookie.path'],
  [{ maxAgeMs: 1 }, 'cookie.maxAgeMs'],
  [{ sameSite: 'lax' as 'Lax' }, 'cookie.sameSite'],
  [{ secure: 'yes' as unknown as boolean }, 'cookie.secure'],
  [{ httpOnly: false } as CookieOptions, 'no option'],
])('cookie options %j are refused at start', ({ name, ...options }, text) => {
  expect(() => checkCookieOptions(options, name)).toThrow(
    expect.objectContaining({
      code: 'ACCESS_OPTION_INVALID',
      message: expect.stringContaining(text) as string,
    }),
  )
})

const here = { host: 'example.com' }
const allows = (origin: string): boolean => origin === 'https://app.example.org'

test.each<{ from: string; method: string; headers: Record<string, string>; isAllowed: boolean }>([
  {
    from: 'a page of the same origin',
    method: 'POST',
    headers: { ...here, 'sec-fetch-site': 'same-origin' },
    isAllowed: true,
  },
  {
    from: 'the same origin in an old browser',
    method: 'POST',
    headers: { ...here, origin: 'https://example.com' },
    isAllowed: true,
  },
  {
    from: 'an allowed origin',
    method: 'POST',
    headers: { origin: 'https://app.example.org', 'sec-fetch-site': 'cross-site' },
    isAllowed: true,
  },
  {
    from: 'another site',
    method: 'POST',
    headers: { ...here, 'sec-fetch-site': 'cross-site' },
    isAllowed: false,
  },
  {
    from: 'a neighbouring host',
    method: 'POST',
    headers: { ...here, 'sec-fetch-site': 'same-site' },
    isAllowed: false,
  },
  {
    from: 'another origin in an old browser',
    method: 'POST',
    headers: { ...here, origin: 'https://evil.example' },
    isAllowed: false,
  },
  {
    from: 'the same host at another port',
    method: 'POST',
    headers: { ...here, origin: 'https://example.com:8443' },
    isAllowed: false,
  },
  {
    from: 'a sandboxed frame',
    method: 'POST',
    headers: { ...here, origin: 'null' },
    isAllowed: false,
  },
  { from: 'nobody knows where', method: 'POST', headers: here, isAllowed: false },
  { from: 'nobody knows where', method: 'DELETE', headers: here, isAllowed: false },
  { from: 'nobody knows where', method: 'PATCH', headers: here, isAllowed: false },
  { from: 'nobody knows where', method: 'GET', headers: here, isAllowed: true },
  {
    from: 'another site',
    method: 'GET',
    headers: { ...here, 'sec-fetch-site': 'cross-site' },
    isAllowed: false,
  },
  {
    from: 'an origin over HTTP/2',
    method: 'POST',
    headers: { host: '', ':authority': 'example.com', origin: 'https://example.com' },
    isAllowed: true,
  },
])('a request with a cookie from $from by $method', ({ method, headers, isAllowed }) => {
  const request = streamRequest({ method, headers })
  const judge = (): void => requireOwnOrigin(request, allows)
  if (isAllowed) judge()
  else expect(judge).toThrow(expect.objectContaining({ code: 'CROSS_SITE', status: 403 }))
})
