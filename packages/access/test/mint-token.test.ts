// New tokens: what they say, which keys sign them, and what is refused. They are read back with jose.

import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { createFakeClock, expectedOutcomes, tryOddValues, withThrowing } from '@tidemark/testkit'
import type { OddCase } from '@tidemark/testkit'
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { mintToken } from '../src/index.ts'
import type { MintOptions } from '../src/index.ts'

const secret = 'a secret of at least 32 bytes, for tests'
const now = 1_800_000_000_000

function clock(): NonNullable<MintOptions['clock']> {
  return createFakeClock(now)
}

function privatePem(key: KeyObject, type: 'pkcs8' | 'sec1' | 'pkcs1' = 'pkcs8'): string {
  return key.export({ type, format: 'pem' } as { type: 'pkcs8'; format: 'pem' }) as string
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const curve = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const edwards = generateKeyPairSync('ed25519')

test('a token says who, what and until when, and another library accepts it', async () => {
  const token = await mintToken({
    secret,
    sub: 'ada',
    subscribe: ['orders/*', 'users/{sub}/**'],
    publish: ['chat/1'],
    permissions: ['admin'],
    where: { region: ['eu', 'us'], tier: 'gold' },
    presence: { name: 'Ada' },
    ttlMs: 900_000,
    issuer: 'https://login.example.org/',
    audience: ['tidemark', 'other'],
    id: 'first',
    clock: clock(),
  })
  const { payload, protectedHeader } = await jwtVerify(token, new TextEncoder().encode(secret), {
    currentDate: new Date(now),
  })
  expect(protectedHeader).toEqual({ alg: 'HS256', typ: 'JWT' })
  expect(payload).toEqual({
    iss: 'https://login.example.org/',
    sub: 'ada',
    aud: ['tidemark', 'other'],
    jti: 'first',
    iat: 1_800_000_000,
    exp: 1_800_000_900,
    tidemark: {
      subscribe: ['orders/*', 'users/{sub}/**'],
      publish: ['chat/1'],
      permissions: ['admin'],
      where: { region: ['eu', 'us'], tier: ['gold'] },
      presence: { name: 'Ada' },
    },
  })
})

test('a token without topics has no claim of ours, ends after an hour, and can be revoked by its name', async () => {
  const first = decodeJwt(await mintToken({ secret, sub: 'ada', clock: clock() }))
  const second = decodeJwt(await mintToken({ secret, sub: 'ada', clock: clock() }))
  const { jti, ...rest } = first
  expect(rest).toEqual({ sub: 'ada', iat: 1_800_000_000, exp: 1_800_003_600 })
  expect(jti).toMatch(/^[0-9a-f-]{36}$/)
  expect(second.jti).not.toBe(jti)
})

test('a server that reads other claims finds the user and the grant in them', async () => {
  const claimNames = { user: 'userId', grant: 'https://example.org/grant' }
  const token = await mintToken({ secret, sub: 'ada', publish: ['a'], claimNames })
  expect(decodeJwt(token)).toMatchObject({
    sub: 'ada',
    userId: 'ada',
    'https://example.org/grant': { publish: ['a'] },
  })
  // A claim of RFC 7519 says what it always says.
  const odd = await mintToken({ secret, sub: 'ada', claimNames: { user: 'exp', grant: 'sub' } })
  expect(decodeJwt(odd)).toMatchObject({ sub: 'ada', exp: expect.any(Number) as unknown })
})

test('a name from a file of JSON is a claim like any other, and no prototype', async () => {
  const token = await mintToken({ secret, sub: '__proto__', audience: 'constructor' })
  expect(decodeJwt(token)).toMatchObject({ sub: '__proto__', aud: 'constructor' })
})

test.each([
  ['RSA', rsa, undefined, 'pkcs8', 'RS256'],
  ['RSA as old tools write it', rsa, ['HS256', 'PS384', 'RS256'], 'pkcs1', 'PS384'],
  ['EC', curve, undefined, 'pkcs8', 'ES256'],
  ['EC as openssl ecparam writes it', curve, ['ES256'], 'sec1', 'ES256'],
  ['Ed25519', edwards, undefined, 'pkcs8', 'EdDSA'],
] as const)('a private key of %s signs what its public key proves', async (...row) => {
  const [, pair, algorithms, type, expected] = row
  const token = await mintToken({
    privateKey: privatePem(pair.privateKey, type),
    algorithms,
    keyId: 'k1',
  })
  expect(decodeProtectedHeader(token)).toEqual({ alg: expected, typ: 'JWT', kid: 'k1' })
  await expect(jwtVerify(token, pair.publicKey)).resolves.toBeDefined()
})

test.each([
  [{}, /neither/],
  [{ secret, privateKey: privatePem(rsa.privateKey) }, /both/],
  [{ secret: 'hunter2' }, /32 bytes at least; got 7.*openssl rand -base64 32/],
  [{ secret, algorithms: ['HS512'] }, /HS512 has 64 bytes at least; got 40/],
  [{ secret, algorithms: ['RS256'] }, /is for HS256, HS384, HS512; got the algorithm "RS256"/],
  [{ secret, algorithms: ['none'] }, /got the algorithm "none"/],
  [{ secret, algorithms: ['toString'] }, /got the algorithm "toString"/],
  [{ secret: privatePem(rsa.privateKey) }, /key in PEM.*as a private key/],
  [{ secret: '' }, /secret must be a text; got an empty one/],
  [{ secret: 12 as never }, /secret must be a text; got a value of type number/],
  [{ privateKey: 'hunter2' }, /not PEM/],
  [
    { privateKey: rsa.publicKey.export({ type: 'spki', format: 'pem' }) as string },
    /private key; got PEM of "PUBLIC KEY"/,
  ],
  [
    { privateKey: '-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n' },
    /damaged/,
  ],
  [
    {
      privateKey: rsa.privateKey.export({
        type: 'pkcs8',
        format: 'pem',
        cipher: 'aes-256-cbc',
        passphrase: 'hunter2',
      }) as string,
    },
    /passphrase.*openssl pkey/,
  ],
  [{ privateKey: privatePem(rsa.privateKey), algorithms: ['HS256'] }, /is for RS256.*"HS256"/],
  [
    { privateKey: privatePem(curve.privateKey), algorithms: ['ES384'] },
    /is for ES256; got.*"ES384"/,
  ],
  [
    { privateKey: privatePem(generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey) },
    /2048 bits at least; got 1024/,
  ],
  [
    { privateKey: privatePem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey) },
    /got ec on secp256k1/,
  ],
  [{ privateKey: privatePem(generateKeyPairSync('x25519').privateKey) }, /got x25519/],
] satisfies readonly [MintOptions, RegExp][])(
  'a key that would make a weak token or none is refused without a word of it (%#)',
  async (options, message) => {
    const error: unknown = await mintToken(options).catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      code: 'SIGNING_KEY_INVALID',
      message: expect.stringMatching(message) as unknown,
    })
    expect(String(error)).not.toContain('hunter2')
  },
)

test.each([
  [{ ttlMs: -1 }, /1 second to 400 days; got -1 ms/],
  [{ ttlMs: 0 }, /got 0 ms/],
  [{ ttlMs: Number.NaN }, /got NaN ms/],
  [{ ttlMs: Number.POSITIVE_INFINITY }, /got Infinity ms/],
  [{ ttlMs: 401 * 86_400_000 }, /400 days; got 34646400000 ms/],
  [{ ttlMs: '1h' as never }, /got "1h"/],
  [{ subscribe: ['orders/**/x'] }, /subscribe takes topics and patterns.*"orders\/\*\*\/x"/],
  [{ publish: [''] }, /publish takes topics/],
  [{ publish: [7 as never] }, /publish takes topics/],
  [{ subscribe: 'orders/*' as never }, /subscribe must be an array; got "orders\/\*"/],
  [{ clock: 5 as never }, /clock must have now\(\); got 5/],
  [
    { subscribe: Array.from({ length: 1_001 }, String) },
    /1000 names at most; got an array of 1001/,
  ],
  [{ permissions: ['a\nb'] }, /permissions must be a text.*got "a\\nb"/],
  [{ permissions: Array.from({ length: 101 }, String) }, /permissions are 100 at most/],
  [{ permissions: ['x'.repeat(129)] }, /of 1 to 128 characters each/],
  [{ where: { region: 7 as never } }, /where says which tags.*where\.region.*got 7/],
  [{ where: { region: 'x'.repeat(2_048) } }, /2048 characters together at most; got 2054/],
  [{ presence: { name: 'x'.repeat(512) } }, /presence holds texts.*512 characters.*got 523/],
  [{ sub: '' }, /sub must be a text of 1 to 256/],
  [{ sub: 'x'.repeat(257) }, /sub must be a text/],
  [{ sub: '\ud800' }, /sub must be a text/],
  [{ issuer: 'a\u0000' }, /issuer must be a text/],
  [{ id: 'x'.repeat(129) }, /id must be a text of 1 to 128/],
  [{ audience: [''] }, /audience must be a text/],
  [
    { subscribe: Array.from({ length: 900 }, (_, i) => `orders/${i}`) },
    /8192 characters at most; this one would have \d+.*patterns/,
  ],
] satisfies readonly [MintOptions, RegExp][])(
  'a token that no server could use is not made: %j',
  async (options, message) => {
    await expect(mintToken({ secret, ...options })).rejects.toMatchObject({
      code: 'TOKEN_CLAIMS_INVALID',
      message: expect.stringMatching(message) as unknown,
    })
  },
)

const good: MintOptions = { secret }
const member = (name: string, code: string, takes: readonly string[] = []): OddCase => ({
  call: (value) => mintToken({ ...good, [name]: value }),
  code,
  takes,
})
const claims = 'TOKEN_CLAIMS_INVALID'
const noPem = 'SIGNING_KEY_INVALID'
const cases: Readonly<Record<string, OddCase>> = {
  mintToken: {
    call: (value) => mintToken(value as never),
    code: claims,
    but: Object.fromEntries(
      ['an object', 'an object without a prototype', 'an array', 'an array of symbols']
        .concat('a date', 'a text object')
        .map((name) => [name, noPem]),
    ),
  },
  secret: member('secret', noPem),
  privateKey: member('privateKey', noPem),
  algorithms: member('algorithms', noPem, ['an array']),
  keyId: member('keyId', noPem),
  sub: member('sub', claims),
  subscribe: member('subscribe', claims, ['an array']),
  publish: member('publish', claims, ['an array']),
  permissions: member('permissions', claims, ['an array']),
  where: member('where', claims, [
    'an object',
    'an object without a prototype',
    'a date',
    'a text object',
  ]),
  presence: member('presence', claims, [
    'an object',
    'an object without a prototype',
    'a date',
    'a text object',
    'null',
  ]),
  ttlMs: member('ttlMs', claims),
  issuer: member('issuer', claims),
  audience: member('audience', claims, ['an array']),
  id: member('id', claims),
  claimNames: member('claimNames', claims, [
    'an object',
    'an object without a prototype',
    'an array',
    'an array of symbols',
    'a date',
    'a text object',
  ]),
  'claimNames.user': {
    call: (value) => mintToken({ ...good, claimNames: { user: value as never } }),
    code: claims,
  },
  clock: member('clock', claims),
}

test.each(Object.entries(cases))('an odd value for %s is refused with its code', async (_, odd) => {
  expect(await tryOddValues(odd, 'AccessError')).toEqual(expectedOutcomes(odd))
})

test.each(Object.keys(good))('options whose %s throws are refused with a code', async (name) => {
  const options = withThrowing(good, name)
  await expect(mintToken(options)).rejects.toMatchObject({ code: claims })
})
