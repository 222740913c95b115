// Tokens of every algorithm, signed by jose, and each check that a token can fail.

import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFakeClock, makeCertificate } from '@tidemark/testkit'
import { SignJWT } from 'jose'
import { expect, onTestFinished, test } from 'vitest'
import { createAccess, tokenAlgorithms } from '../src/index.ts'
import type { Access, TokenAlgorithm, TokenIssuer } from '../src/index.ts'
import { requestWith } from './support/request-with.ts'
import { signToken } from './support/sign-token.ts'

const now = 1_800_000_000_000
const soon = now / 1_000 + 600
const secret = new Uint8Array(64).fill(7)

interface Pair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const curves: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }

function makePair(algorithm: TokenAlgorithm): Pair | undefined {
  if (algorithm.startsWith('HS')) return undefined
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519')
  const namedCurve = curves[algorithm]
  return namedCurve === undefined ? rsa : generateKeyPairSync('ec', { namedCurve })
}

function createWorld(issuer: TokenIssuer): Access {
  return createAccess({ tokens: [issuer], clock: createFakeClock(now) })
}

const pemOf = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }) as string

test.each(tokenAlgorithms)(
  'a token signed with %s is taken from its key, and from no other key of the same kind',
  async (algorithm) => {
    const pair = makePair(algorithm)
    const sign = (key: KeyObject | Uint8Array): Promise<string> =>
      new SignJWT({ sub: 'ada' })
        .setProtectedHeader({ alg: algorithm })
        .setExpirationTime(soon)
        .sign(key)
    const issuer = pair === undefined ? { secret } : { publicKey: pemOf(pair.publicKey) }
    const access = createWorld({ ...issuer, algorithms: [algorithm] })
    const token = await sign(pair?.privateKey ?? secret)
    const { grant } = await access.check(requestWith({ bearer: token }))
    expect(grant).toMatchObject({ user: 'ada', expiresAt: soon * 1_000 })

    const stranger = makePair(algorithm)?.privateKey ?? new Uint8Array(64).fill(8)
    const isStranger = stranger !== pair?.privateKey
    const other = isStranger
      ? stranger
      : generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey
    await expect(access.check(requestWith({ bearer: await sign(other) }))).rejects.toMatchObject({
      code: 'TOKEN_INVALID',
      message: expect.stringMatching(/signature/) as unknown,
    })
  },
)

test.each(['HS256', 'HS384', 'HS512'] as const)(
  'of %s a signature with one letter changed, added or left out is none',
  async (algorithm) => {
    const access = createWorld({ secret, algorithms: [algorithm] })
    const token = await new SignJWT({ sub: 'ada' })
      .setProtectedHeader({ alg: algorithm })
      .setExpirationTime(soon)
      .sign(secret)
    const [head = '', claims = '', signature = ''] = token.split('.')
    const damaged = Array.from(signature).flatMap((letter, i) => [
      signature.slice(0, i) + (letter === 'A' ? 'B' : 'A') + signature.slice(i + 1),
      signature.slice(0, i) + signature.slice(i + 1),
      `${signature.slice(0, i)}-${signature.slice(i)}`,
    ])
    // Of the last letter not all bits count, so that another one could stand for the same bytes.
    for (const letter of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')
      damaged.push(signature.slice(0, -1) + letter)
    for (const other of damaged.filter((text) => text !== signature)) {
      const refused = access.check(requestWith({ bearer: `${head}.${claims}.${other}` }))
      await expect(refused).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
    }
    await access.check(requestWith({ bearer: token }))
  },
)

test('Ed25519 by its newer name is the same signature', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const access = createWorld({ publicKey: pemOf(publicKey) })
  const token = await new SignJWT({ sub: 'ada' })
    .setProtectedHeader({ alg: 'Ed25519' })
    .setExpirationTime(soon)
    .sign(privateKey)
  expect((await access.check(requestWith({ bearer: token }))).grant.user).toBe('ada')
})

test('a certificate is a public key as well', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-keys-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const { cert, key } = await makeCertificate(directory)
  const access = createWorld({ publicKey: readFileSync(cert, 'utf8') })
  const privateKey = createPrivateKey(readFileSync(key))
  const token = signToken({ sub: 'ada', exp: soon }, { key: privateKey })
  expect((await access.check(requestWith({ bearer: token }))).grant.user).toBe('ada')
})

const whole = { sub: 'ada', exp: soon }
const issuer: TokenIssuer = { secret, issuer: 'https://login.example.org/', audience: ['a', 'b'] }
const good = { ...whole, iss: 'https://login.example.org/', aud: 'b' }

/** Claims that are taken, or the reason why not. */
const claimsOf: readonly (readonly [string, object, RegExp | undefined])[] = [
  ['one audience of several', good, undefined],
  ['its own audience among others', { ...good, aud: ['x', 'a'] }, undefined],
  [
    'an issuer without its last slash',
    { ...good, iss: 'https://login.example.org' },
    /issuer.*not known here.*last slash/,
  ],
  [
    'another issuer',
    { ...good, iss: 'https://evil.example.org/' },
    /not known here; got "https:\/\/evil/,
  ],
  ['no issuer', { ...good, iss: undefined }, /not known here; got none/],
  [
    'an issuer that is a list',
    { ...good, iss: ['https://login.example.org/'] },
    /not known here; got an array/,
  ],
  ['another audience', { ...good, aud: 'x' }, /aud.*must hold "a" or "b"; got "x"/],
  ['no audience', { ...good, aud: undefined }, /must hold "a" or "b"; got none/],
  ['an audience that is an object', { ...good, aud: { a: 'a' } }, /got an object/],
]

test.each(claimsOf)('of a token with %s it is said whether it is taken', async (...row) => {
  const [, claims, reason] = row
  const checked = createWorld(issuer).check(requestWith({ bearer: signToken(claims, { secret }) }))
  if (reason === undefined) expect((await checked).grant.user).toBe('ada')
  else
    await expect(checked).rejects.toMatchObject({
      code: 'TOKEN_INVALID',
      message: expect.stringMatching(reason) as unknown,
    })
})

const at = (seconds: number): number => now / 1_000 + seconds

/** Times in seconds from now, with a tolerance in milliseconds. */
const timesOf: readonly (readonly [string, object, number | undefined, number | RegExp])[] = [
  ['ends in a second', { exp: at(1) }, undefined, at(1)],
  ['has ended within the tolerance', { exp: at(-3) }, 5_000, at(2)],
  ['has just ended, without a tolerance', { exp: at(0) }, 0, /ended 0 s ago/],
  ['has ended beyond the tolerance', { exp: at(-5) }, 5_000, /ended 5 s ago/],
  ['begins within the tolerance', { exp: at(60), nbf: at(5) }, 5_000, at(60)],
  ['begins beyond it', { exp: at(60), nbf: at(6) }, 5_000, /begins in 6 s.*clocks/],
  ['was made a little ahead', { exp: at(60), iat: at(4) }, undefined, at(60)],
  ['was made in the future', { exp: at(600), iat: at(60) }, undefined, /begins in 60 s/],
  ['has no end', {}, undefined, /no end \(exp\)/],
  [
    'ends by a text',
    { exp: String(at(60)) },
    undefined,
    /exp.*number of seconds.*got "1800000060"/,
  ],
  ['ends in milliseconds', { exp: now + 60_000 }, undefined, /looks like milliseconds/],
  ['begins by a text', { exp: at(60), nbf: 'now' }, undefined, /nbf.*got "now"/],
  ['was made at no number', { exp: at(60), iat: null }, undefined, /iat.*got null/],
]

test.each(timesOf)('a token that %s is judged by the clock', async (...row) => {
  const [, times, clockToleranceMs, outcome] = row
  const access = createWorld({ secret, clockToleranceMs })
  const token = signToken({ sub: 'ada', ...times }, { secret })
  const checked = access.check(requestWith({ bearer: token }))
  if (outcome instanceof RegExp) await expect(checked).rejects.toThrow(outcome)
  else expect((await checked).grant.expiresAt).toBe(outcome * 1_000)
})

test('an end beyond all numbers is none, so that no token lasts for ever', async () => {
  const token = signToken('{"sub":"ada","exp":1e999}', { secret })
  await expect(createWorld({ secret }).check(requestWith({ bearer: token }))).rejects.toMatchObject(
    { code: 'TOKEN_INVALID' },
  )
})

/** Texts that are no token, and the hint. */
const texts: readonly (readonly [string, string, RegExp])[] = [
  ['an encrypted token', 'a.b.c.d.e', /Five parts are an encrypted one/],
  ['an opaque token', 'hunter2-hunter2', /three parts of base64url/],
  ['two parts', 'a.hunter2', /three parts/],
  ['a head that is no JSON', 'aHVudGVyMg.e30.', /three parts/],
  ['claims that are a list', `${encode({ alg: 'HS256' })}.${encode([])}.`, /three parts/],
  ['a head without an algorithm', `${encode({})}.${encode({})}.`, /three parts/],
  [
    'a head whose kid is a number',
    `${encode({ alg: 'HS256', kid: 1 })}.${encode({})}.`,
    /kid in the header/,
  ],
  ['more characters than may be', 'x'.repeat(8_193), /8192 characters; got 8193/],
]

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

test.each(texts)('%s is refused with a hint, and without a part of it', async (...row) => {
  const [, text, hint] = row
  const error: unknown = await createWorld({ secret })
    .check(requestWith({ bearer: text }))
    .catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'TOKEN_INVALID' })
  expect(String(error)).toMatch(hint)
  expect(String(error)).not.toContain('hunter2')
})

test('where no issuer is configured a token is refused, and says so', async () => {
  const token = signToken(whole, { secret })
  await expect(createAccess({}).check(requestWith({ bearer: token }))).rejects.toThrow(
    /takes no tokens/,
  )
})

test('each of several issuers is checked with its own key, algorithm and audience', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const access = createAccess({
    tokens: [
      { issuer: 'a', secret, audience: 'for-a' },
      { issuer: 'b', publicKey: pemOf(publicKey), audience: 'for-b' },
    ],
    clock: createFakeClock(now),
  })
  const check = (claims: object, key: Parameters<typeof signToken>[1]): Promise<unknown> =>
    access.check(requestWith({ bearer: signToken({ ...whole, ...claims }, key) })).then(
      ({ issuer: name }) => name,
      (error: unknown) => (error as { code: string }).code,
    )
  expect(await check({ iss: 'a', aud: 'for-a' }, { secret })).toBe('a')
  expect(await check({ iss: 'b', aud: 'for-b' }, { key: privateKey })).toBe('b')
  expect(await check({ iss: 'b', aud: 'for-b' }, { secret })).toBe('TOKEN_INVALID')
  expect(await check({ iss: 'a', aud: 'for-a' }, { key: privateKey })).toBe('TOKEN_INVALID')
  expect(await check({ iss: 'a', aud: 'for-b' }, { secret })).toBe('TOKEN_INVALID')
  expect(await check({ aud: 'for-a' }, { secret })).toBe('TOKEN_INVALID')
})
