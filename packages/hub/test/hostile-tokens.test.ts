// Forged tokens, shown to each door of a hub with several issuers: none is let in, and none is quoted.

import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { doorNames, openDoors } from './support/ask-doors.ts'
import type { Doors } from './support/ask-doors.ts'
import { secret } from './support/tokens.ts'

interface KeyPair {
  readonly pem: string
  readonly jwks: string
  readonly privateKey: KeyObject
  readonly kid: string
}

function makePair(kid: string): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'ES256' }
  const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string
  return { pem, jwks: JSON.stringify({ keys: [jwk] }), privateKey, kid }
}

/** Two issuers with a set of keys each, one with a public key, one with a secret. */
const [one, two, three] = [makePair('one'), makePair('two'), makePair('three')]
const stranger = makePair('one')

const claimsOf = (iss: string): object => ({
  iss,
  sub: 'ada',
  exp: Math.floor(new Date().getTime() / 1_000) + 600,
  tidemark: { subscribe: ['**'], permissions: ['admin'] },
})

const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')

function byKey(head: object, iss: string, { privateKey }: KeyPair): string {
  const text = `${encode({ alg: 'ES256', ...head })}.${encode(claimsOf(iss))}`
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`
}

function bySecret(iss: string, key: string, head: object = {}): string {
  const text = `${encode({ alg: 'HS256', ...head })}.${encode(claimsOf(iss))}`
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}

const unsigned = (alg: string, iss: string, head: object = {}): string =>
  `${encode({ alg, ...head })}.${encode(claimsOf(iss))}.`

let doors: Doors
let directory = ''

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-tokens-'))
  await writeFile(join(directory, 'one.json'), one.jwks)
  await writeFile(join(directory, 'two.json'), two.jwks)
  await writeFile(join(directory, 'three.pem'), three.pem)
  doors = await openDoors({
    directory,
    settings: {
      auth: {
        issuers: [
          { issuer: 'one', jwks: 'one.json' },
          { issuer: 'two', jwks: 'two.json' },
          { issuer: 'three', publicKey: 'three.pem' },
          { issuer: 'four', secret },
        ],
      },
      addresses: { banAfter: 'none' },
    },
    access: {
      tokens: [
        { issuer: 'one', jwksFile: join(directory, 'one.json') },
        { issuer: 'two', jwksFile: join(directory, 'two.json') },
        { issuer: 'three', publicKey: three.pem },
        { issuer: 'four', secret },
      ],
    },
  })
})

afterAll(async () => {
  await doors.close()
  await rm(directory, { recursive: true })
})

const good: readonly (readonly [string, () => string])[] = [
  ['one', () => byKey({ kid: 'one' }, 'one', one)],
  ['two', () => byKey({ kid: 'two' }, 'two', two)],
  ['three', () => byKey({}, 'three', three)],
  ['four', () => bySecret('four', secret)],
]

const forged: readonly (readonly [string, () => string])[] = [
  ['that says it needs no signature', () => unsigned('none', 'four')],
  ['that says so in other letters', () => unsigned('nOnE', 'three')],
  ['that says so beside the name of a key', () => unsigned('none', 'one', { kid: 'one' })],
  ['without an algorithm', () => unsigned('', 'four')],
  ['signed with a public key as if it were a secret', () => bySecret('three', three.pem)],
  [
    'signed with a set of keys as if it were a secret',
    () => bySecret('one', one.jwks, { kid: 'one' }),
  ],
  ['signed with no secret at all', () => bySecret('four', '')],
  ['of one issuer by the secret of another', () => bySecret('three', secret)],
  ['of one issuer by the key of another, named', () => byKey({ kid: 'two' }, 'one', two)],
  [
    'of one issuer by the key of another, under its own name',
    () => byKey({ kid: 'one' }, 'one', two),
  ],
  ['of one issuer by the key of another, without a name', () => byKey({}, 'one', two)],
  ['of an issuer with a secret by the key of another', () => byKey({ kid: 'one' }, 'four', one)],
  ['of a stranger with a key of the right name', () => byKey({ kid: 'one' }, 'one', stranger)],
  [
    'of a stranger that brings its key along',
    () => byKey({ jwk: JSON.parse(stranger.jwks) as object }, 'one', stranger),
  ],
  [
    'of a stranger that says where its keys are',
    () => byKey({ jku: 'http://127.0.0.1:1/jwks' }, 'one', stranger),
  ],
  ['of an issuer that nobody has named', () => byKey({ kid: 'one' }, 'five', one)],
  ['of an issuer whose name only begins like one', () => byKey({ kid: 'one' }, 'one/', one)],
  ['of nobody', () => bySecret('', secret)],
]

describe.each(doorNames)('by %s', (door) => {
  test.each(good)('a token of the issuer %s is let in', async (_, token) => {
    const headers = { Authorization: `Bearer ${token()}` }
    const answer = await doors.ask(door, { method: 'HEAD', path: '/events?topic=a', headers })
    expect(answer.status).toBe(200)
  })

  test.each(forged)('a token %s is refused', async (_, token) => {
    const text = token()
    const places = [
      { path: '/events?topic=a', headers: { Authorization: `Bearer ${text}` } },
      { path: `/events?topic=a&token=${text}`, headers: {} },
      { path: '/topics/a', headers: { Authorization: `Bearer ${text}` } },
      { path: '/stats', headers: { Authorization: `Bearer ${text}` } },
    ]
    for (const { path, headers } of places) {
      const answer = await doors.ask(door, { path, headers })
      expect(answer.status).toBe(401)
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'TOKEN_INVALID' })
      const said = answer.body + JSON.stringify(answer.headers)
      for (const part of text.split('.').slice(1)) if (part !== '') expect(said).not.toContain(part)
    }
  })
})
