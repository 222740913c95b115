// Tokens made by somebody who wants in: each is refused, none is quoted, and none costs others much.

import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { createFakeClock } from '@tidemark/testkit'
import { CompactEncrypt, UnsecuredJWT } from 'jose'
import { expect, test } from 'vitest'
import { createAccess } from '../src/index.ts'
import { tokenCharactersMax } from '../src/limits.ts'
import { KeyServer, keySet, makeKey } from './support/key-server.ts'
import { requestWith } from './support/request-with.ts'
import { signToken } from './support/sign-token.ts'

const now = 1_800_000_000_000
const soon = now / 1_000 + 600
const secret = 'a secret of at least 32 bytes, for tests'
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const pemOf = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }) as string
const publicKey = pemOf(rsa.publicKey)
const whole = { sub: 'eve', exp: soon, tidemark: { subscribe: ['**'], permissions: ['admin'] } }

const access = createAccess({
  tokens: [
    { issuer: 'rsa', publicKey },
    { issuer: 'secret', secret },
  ],
  clock: createFakeClock(now),
})

const encode = (part: unknown): string =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')

/** A token whose head and claims are any text, signed by HMAC. */
function forge(head: unknown, claims: unknown, key: string | Buffer = secret): string {
  const text = `${encode(head)}.${encode(claims)}`
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}

async function refusalOf(bearer: string): Promise<{ code: string; message: string }> {
  try {
    await access.check(requestWith({ bearer }))
  } catch (error) {
    return error as { code: string; message: string }
  }
  return { code: 'let in', message: '' }
}

const ofSecret = { ...whole, iss: 'secret' }
const ofRsa = { ...whole, iss: 'rsa' }
const hs256 = { alg: 'HS256' }

test('the forger of these tests would be let in with the key', async () => {
  expect((await refusalOf(forge(hs256, ofSecret))).code).toBe('let in')
  expect((await refusalOf(signToken(ofRsa, { key: rsa.privateKey }))).code).toBe('let in')
})

test.each(['none', 'None', 'NONE', 'nOnE', ''])('no signature (%j) is none', async (alg) => {
  for (const claims of [ofSecret, ofRsa, whole]) {
    const text = `${encode({ alg })}.${encode(claims)}.`
    expect((await refusalOf(text)).code).toBe('TOKEN_INVALID')
  }
  const unsigned = new UnsecuredJWT(ofSecret).encode()
  expect((await refusalOf(unsigned)).message).toMatch(/got "none"/)
})

const der = createPublicKey(publicKey).export({ type: 'spki', format: 'der' })

test.each([
  ['as it is published', publicKey],
  ['without its last line end', publicKey.trim()],
  ['in DER', der],
  [
    'as the number alone',
    Buffer.from(rsa.publicKey.export({ format: 'jwk' }).n ?? '', 'base64url'),
  ],
  ['with nothing in it', ''],
])('the public key %s is no secret to sign with', async (_, key) => {
  expect((await refusalOf(forge(hs256, ofRsa, key))).message).toMatch(/got "HS256"/)
})

test('a token of one issuer signed with the key of another is refused', async () => {
  expect((await refusalOf(forge(hs256, ofRsa))).code).toBe('TOKEN_INVALID')
  const crossed = signToken(ofSecret, { key: rsa.privateKey })
  expect((await refusalOf(crossed)).message).toMatch(/signs with HS256.*got "RS256"/)
  expect((await refusalOf(forge(hs256, whole))).message).toMatch(/got none/)
})

const { privateKey: stranger } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const strangersKey = createPublicKey(stranger).export({ format: 'jwk' })

test.each([
  ['jwk', { jwk: strangersKey }],
  ['jku', { jku: 'https://evil.example/jwks' }],
  ['x5u', { x5u: 'https://evil.example/cert' }],
  ['x5c', { x5c: ['MIIB'] }],
  ['kid as a path', { kid: '../../../../dev/null' }],
  ['kid as a query', { kid: "' UNION SELECT 'a" }],
  ['kid of a prototype', { kid: '__proto__' }],
])('a key that the token itself brings (%s) checks nothing', async (_, head) => {
  let fetched = 0
  const fetch = (): Promise<Response> => Promise.resolve(new Response(String((fetched += 1))))
  const tokens = [{ issuer: 'rsa', publicKey }]
  const alone = createAccess({ tokens, fetch, clock: createFakeClock(now) })
  const bearer = signToken(ofRsa, { head, key: stranger })
  await expect(alone.check(requestWith({ bearer }))).rejects.toMatchObject({
    code: 'TOKEN_INVALID',
    message: expect.stringMatching(/signature/) as unknown,
  })
  expect(fetched).toBe(0)
})

test.each([
  ['an extension that nobody knows', { crit: ['x'], x: 1 }],
  ['b64, which signs another text', { crit: ['b64'], b64: false }],
  ['b64 without saying so', { b64: false }],
  ['b64 that is true', { crit: ['b64'], b64: true }],
  ['an empty list of extensions', { crit: [] }],
  ['extensions that are no list', { crit: 'exp' }],
  ['extensions that are null', { crit: null }],
  ['a kid that is a list', { kid: ['a'] }],
  ['a kid that is an object', { kid: {} }],
  ['a typ that is a number', { typ: 7 }],
])('a header with %s is refused, though its signature is good', async (_, head) => {
  expect((await refusalOf(forge({ ...hs256, ...head }, ofSecret))).code).toBe('TOKEN_INVALID')
})

test.each(['logout+jwt', 'dpop+jwt', 'application/secevent+JWT', 'tidemark-topic+jwt'])(
  'a token for another use (%s) opens no stream',
  async (typ) => {
    expect((await refusalOf(forge({ ...hs256, typ }, ofSecret))).message).toMatch(/another use/)
  },
)

test.each([undefined, 'JWT', 'jwt', 'at+jwt', 'application/at+jwt'])(
  'a token of an ordinary kind (%s) is taken',
  async (typ) => {
    expect((await refusalOf(forge({ ...hs256, typ }, ofSecret))).code).toBe('let in')
  },
)

test('a token within a token is no token', async () => {
  const inner = forge(hs256, ofSecret)
  expect((await refusalOf(forge({ ...hs256, cty: 'JWT' }, inner))).code).toBe('TOKEN_INVALID')
  const encrypted = await new CompactEncrypt(Buffer.from(inner))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', cty: 'JWT' })
    .encrypt(new Uint8Array(32))
  expect((await refusalOf(encrypted)).message).toMatch(/encrypted/)
})

test('of a claim or a header that comes twice only what is checked is used', async () => {
  const twice = `{"iss":"rsa","iss":"secret","sub":"ada","sub":"eve","exp":1,"exp":${soon}}`
  const { grant, issuer } = await access.check(requestWith({ bearer: forge(hs256, twice) }))
  expect({ user: grant.user, issuer }).toEqual({ user: 'eve', issuer: 'secret' })
  const ended = `{"iss":"secret","sub":"eve","exp":${soon},"exp":1700000000}`
  expect((await refusalOf(forge(hs256, ended))).code).toBe('TOKEN_EXPIRED')
  const other = forge('{"alg":"HS256","alg":"none"}', ofSecret)
  expect((await refusalOf(other)).code).toBe('TOKEN_INVALID')
})

test.each([
  ['a user that is a list', { sub: ['eve'] }],
  ['a user that is an object', { sub: { $ne: null } }],
  ['a user that is true', { sub: true }],
  ['an end that is a text', { exp: String(soon) }],
  ['an end that is a list', { exp: [soon] }],
  ['an end below zero', { exp: -1 }],
  ['a beginning in the future', { nbf: soon }],
  ['a birth in the future', { iat: soon }],
  ['claims that are a pattern', { tidemark: '**' }],
  [
    'claims with a prototype',
    { tidemark: JSON.parse('{"__proto__":{"permissions":["admin"]}}') as object },
  ],
  ['topics of a million stars', { tidemark: { subscribe: ['*'.repeat(200)] } }],
  ['topics within topics', { tidemark: { subscribe: [['**']] } }],
])('%s is refused, though its signature is good', async (_, claims) => {
  const { code } = await refusalOf(forge(hs256, { ...ofSecret, ...claims }))
  expect(code).toMatch(/^TOKEN_(?:INVALID|EXPIRED)$/)
})

test('claims whose prototype is set are claims without a grant', async () => {
  const claims = `{"iss":"secret","sub":"eve","exp":${soon},"__proto__":{"tidemark":{"subscribe":["**"]}}}`
  const { grant } = await access.check(requestWith({ bearer: forge(hs256, claims) }))
  expect(grant.subscribe).toEqual(['users/eve/**'])
})

test('a huge token is refused before anything of it is read', async () => {
  const huge = 'x'.repeat(10_000_000)
  expect((await refusalOf(huge)).message).toContain(`${tokenCharactersMax} characters`)
  const deep = `${'['.repeat(3_000)}${']'.repeat(3_000)}`
  const { code } = await refusalOf(forge(hs256, `{"iss":"secret","a":${deep}}`))
  expect(code).toBe('TOKEN_INVALID')
})

test('names with every sign that could join two of them are names of their own', async () => {
  const signs = ['|', ':', '/', '\n', '\u0000', ' ', '#', '?', '"', '\\', ',']
  const keys = signs.map((sign) => makeKey(`a${sign}b`))
  const servers = await Promise.all(keys.map((key) => KeyServer.start(keySet(key))))
  const names = signs.map((sign) => `i${sign}a`)
  const many = createAccess({
    tokens: servers.map(({ url }, i) => ({ issuer: names[i] ?? '', jwksUrl: url })),
    clock: createFakeClock(now),
  })
  await many.ready
  for (const [i, { privateKey }] of keys.entries()) {
    for (const [j, { kid }] of keys.entries()) {
      const claims = { ...whole, iss: names[j] }
      const bearer = signToken(claims, { head: { kid }, key: privateKey })
      const outcome = await many.check(requestWith({ bearer })).then(
        () => 'let in',
        () => 'refused',
      )
      expect(outcome).toBe(i === j ? 'let in' : 'refused')
    }
  }
  many.close()
})

test('a token that was let in opens no door for one that differs in a letter', async () => {
  const bearer = forge(hs256, ofSecret)
  expect((await refusalOf(bearer)).code).toBe('let in')
  const [head = '', claims = '', signature = ''] = bearer.split('.')
  const others = [
    `${head}.${encode({ ...ofSecret, sub: 'ada' })}.${signature}`,
    `${encode({ alg: 'HS384' })}.${claims}.${signature}`,
    `${head}.${claims}.${signature.slice(0, -1)}`,
    `${head}.${claims}.${signature}A`,
    `${head}.${claims}.`,
  ]
  for (const other of others) expect((await refusalOf(other)).code).toBe('TOKEN_INVALID')
})

test('a bad token is not made good by a good one in another place', async () => {
  const good = forge(hs256, ofSecret)
  const bad = forge(hs256, ofSecret, 'another secret of at least 32 bytes')
  const requests = [
    requestWith({ bearer: bad, cookie: `tidemark=${good}`, url: `/events?token=${good}` }),
    requestWith({ cookie: `tidemark=${bad}`, url: `/events?token=${good}` }),
    requestWith({ authorization: `Bearer ${bad}, Bearer ${good}` }),
    requestWith({ authorization: `Bearer ${good} ${good}` }),
    requestWith({ cookie: `tidemark=${good}; tidemark=${bad}` }),
    requestWith({ url: `/events?token=${bad}&token=${good}` }),
    requestWith({ url: `/events?token=${good}&token=${good}` }),
  ]
  for (const request of requests) {
    await expect(access.check(request)).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
  }
})

/** A secret in every part of a token that a message could quote. */
const planted = 'hunter2'

test('no message and no header of a refusal holds a secret, wherever it was planted', async () => {
  const said: string[] = []
  const look = async (request: Parameters<typeof access.check>[0]): Promise<void> => {
    const error: unknown = await access.check(request).catch((thrown: unknown) => thrown)
    const { message, headers, stack } = error as Error & { headers: object }
    said.push(message, JSON.stringify(headers), stack ?? '', JSON.stringify(error))
  }
  const bad = (head: object, claims: object): string =>
    forge({ ...hs256, ...head }, { ...ofSecret, ...claims }, 'another secret of at least 32 bytes')
  const texts = [
    planted,
    `Bearer ${planted}`,
    `${planted}.${planted}.${planted}`,
    `${encode(planted)}.${encode(planted)}.${encode(planted)}`,
    bad({}, { email: planted, sub: planted, jti: planted }),
    forge(hs256, { ...ofSecret, tidemark: { subscribe: [`${planted}/**/x`] }, exp: 1 }),
  ]
  for (const text of texts) {
    const signature = text.split('.')[2]
    await look(requestWith({ authorization: `Bearer ${text}` }))
    await look(requestWith({ cookie: `tidemark=${text}` }))
    await look(requestWith({ url: `/events?token=${encodeURIComponent(text)}` }))
    await look(requestWith({ url: `/events?token=${text}&token=${text}` }))
    await look(requestWith({ cookie: `tidemark=${text}; tidemark=x${text}` }))
    if (signature !== undefined && signature.length > 8)
      expect(said.filter((line) => line.includes(signature))).toEqual([])
    expect(said.filter((line) => line.includes(text))).toEqual([])
  }
  expect(said.filter((line) => line.includes(planted))).toEqual([])
})

test('a line break in what is echoed cannot forge a header', async () => {
  const evil = 'a\r\nSet-Cookie: b="c"\u2028\ud800'
  const requests = [
    forge({ ...hs256, kid: evil }, { ...ofSecret, iss: evil }),
    forge({ alg: evil }, ofSecret),
    forge({ ...hs256, typ: `${evil}+jwt` }, ofSecret),
    forge(hs256, { ...ofSecret, exp: evil }),
    forge(hs256, { ...ofSecret, tidemark: { [evil]: 1 } }),
  ]
  for (const bearer of requests) {
    const error: unknown = await access
      .check(requestWith({ bearer }))
      .catch((thrown: unknown) => thrown)
    const { headers } = error as { headers: Readonly<Record<string, string>> }
    const challenge = headers['WWW-Authenticate'] ?? ''
    expect(challenge).toMatch(/^Bearer error="invalid_token", error_description="[^"\\]*"$/)
    expect(challenge).toMatch(/^[\x20-\x7e]+$/)
  }
})

test('10,000 bad tokens at once leave nothing behind, and good ones are let in among them', async () => {
  const good = forge(hs256, ofSecret)
  const outcomes = await Promise.all(
    Array.from({ length: 10_000 }, async (_, i) => {
      const bearer = i % 100 === 0 ? good : `${good.slice(0, -6)}${String(i).padStart(6, '0')}`
      return [i % 100 === 0, (await refusalOf(bearer)).code === 'let in'] as const
    }),
  )
  expect(outcomes.filter(([isGood, isIn]) => isGood !== isIn)).toEqual([])
})
