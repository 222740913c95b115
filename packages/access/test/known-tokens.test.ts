// Tokens that need no second check of their signature, and those that do.

import { createSecretKey } from 'node:crypto'
import { memoryLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { createAccess } from '../src/index.ts'
import { knownTokenCharactersEach, knownTokenCharactersMax } from '../src/limits.ts'
import { KnownTokens } from '../src/tokens/known-tokens.ts'
import type { UnverifiedToken } from '../src/tokens/read-token.ts'

const key = createSecretKey(Buffer.alloc(32, 1))

function tokenOf(text: string): UnverifiedToken {
  return { text, head: { alg: 'HS256' }, typ: undefined, claims: {} }
}

test('a token is known by its whole text, with the key that it was checked with last', () => {
  const known = new KnownTokens()
  const other = createSecretKey(Buffer.alloc(32, 1))
  known.add({ token: tokenOf('one'), key, grant: undefined })
  expect(known.find('one')?.key).toBe(key)
  expect(known.find('one ')).toBe(undefined)
  known.add({ token: tokenOf('one'), key: other, grant: undefined })
  expect(known.find('one')?.key).toBe(other)
})

test('however many tokens come, those that are known take no more than their bound, the newest stay', () => {
  const known = new KnownTokens()
  const length = 8_192
  const half = Math.floor(knownTokenCharactersMax / 2 / (length + knownTokenCharactersEach))
  const tokens = Array.from({ length: 5 * half }, (_, i) => String(i).padStart(length, 'x'))
  for (const token of tokens) {
    known.add({ token: tokenOf(token), key, grant: undefined })
    // One that is used stays, however old it is.
    expect(known.find(tokens[0] ?? '')).toBeDefined()
  }
  // Looking moves what it finds among the newer ones: the newest are looked for first.
  const kept = tokens.toReversed().filter((token) => known.find(token) !== undefined)
  expect(kept.length).toBeLessThanOrEqual(2 * half)
  expect(kept.length).toBeGreaterThan(half)
  expect(kept).toContain(tokens[0])
  expect(kept).toEqual([...tokens.slice(-kept.length + 1).toReversed(), tokens[0]])
})

test('a token that comes again is still held to its times, and nobody can change what it says', async () => {
  const clock = createFakeClock()
  const secret = 'a secret that is long enough for its algorithm'
  const access = createAccess({ tokens: [{ secret }], clock })
  const now = Math.floor(clock.now() / 1_000)
  const token = await new SignJWT({ tidemark: { subscribe: ['orders/*'] }, team: { name: 'a' } })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('ada')
    .setIssuedAt(now)
    .setExpirationTime(now + 60)
    .sign(new TextEncoder().encode(secret))
  const request = access.requestWith(token)
  const first = await access.check(request)
  expect((await access.check(request)).grant).toBe(first.grant)
  const { grant, claims } = first
  const changes = [
    () => Object.assign(grant, { user: 'eve' }),
    () => (grant.subscribe as string[]).push('**'),
    () => Object.assign(grant.claims ?? {}, { iat: 0 }),
    () => Object.assign(claims, { sub: 'eve' }),
    () => Object.assign(claims['team'] as object, { name: 'b' }),
  ]
  for (const change of changes) expect(change).toThrow(TypeError)
  // Clocks are given five seconds: a client that comes back within them is let in for the rest of them.
  clock.advance(62_000)
  expect((await access.check(request)).grant.expiresAt).toBe((now + 65) * 1_000)
  clock.advance(200_000)
  await expect(access.check(request)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' })
  access.close()
})

test('a request is known by its good token, until that ends, and never by what cannot be read', async () => {
  const clock = createFakeClock()
  const secret = 'a secret that is long enough for its algorithm'
  const access = createAccess({ tokens: [{ secret }], clock })
  const now = Math.floor(clock.now() / 1_000)
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('ada')
    .setExpirationTime(now + 60)
    .sign(new TextEncoder().encode(secret))
  const request = access.requestWith(token)
  expect(access.knows(request)).toBe(false)
  await access.check(request)
  expect(access.knows(request)).toBe(true)
  expect(access.knows(access.requestWith(`${token}x`))).toBe(false)
  expect(access.knows({ ...request, header: () => 'Bearer' })).toBe(false)
  expect(access.knows({ ...request, header: () => undefined })).toBe(false)
  clock.advance(61_000)
  expect(access.knows(request)).toBe(false)
  access.close()
})

test('a token that is revoked, or for another server, is not known', async () => {
  const clock = createFakeClock()
  const secret = 'a secret that is long enough for its algorithm'
  const access = createAccess({
    tokens: [{ secret, audience: 'this' }],
    clock,
    log: memoryLog({ clock }),
  })
  await access.ready
  const sign = (audience: string): Promise<string> =>
    new SignJWT({})
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('ada')
      .setAudience(audience)
      .setExpirationTime(Math.floor(clock.now() / 1_000) + 60)
      .sign(new TextEncoder().encode(secret))
  const good = access.requestWith(await sign('this'))
  const foreign = access.requestWith(await sign('another'))
  await access.check(good)
  await expect(access.check(foreign)).rejects.toMatchObject({
    code: 'TOKEN_INVALID',
  })
  expect([access.knows(good), access.knows(foreign)]).toEqual([true, false])
  await access.revoke({ user: 'ada' })
  expect(access.knows(good)).toBe(false)
  access.close()
})
