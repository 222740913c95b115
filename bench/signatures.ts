// The cost of checking the signature of a token. A token that comes for the first time costs that at least.
//
// Run: npm run bench -- signatures [--rounds=9] [--tokens=2000]
//
// CPU time of the whole process, threads included. ES256 is checked by WebCrypto, as jose does it in the hub.
// Checks that are done in another thread run 64 at a time,
// as in the hub. Ways take turns; medians of all rounds but the first.

import { createHmac, createSecretKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { isSignedBySecret } from '../packages/access/src/tokens/secret-key.ts'
import { readFlag } from './support/flags.ts'
import { median, tableRow } from './support/statistics.ts'

const rounds = Number(readFlag('rounds') ?? 9)
const count = Number(readFlag('tokens') ?? 2_000)
const atOnce = 64

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const secret = createSecretKey(randomBytes(48))
const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const webKey = publicKey.toCryptoKey(ecdsa, false, ['verify'])

const bySecret = listTokens('HS256', (text) => createHmac('sha256', secret).update(text).digest())
const byKey = listTokens('ES256', (text) =>
  sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }),
)

const ways: Readonly<Record<string, () => unknown>> = {
  'HS256, by node:crypto': () => {
    for (const token of bySecret) requireGood(isSignedBySecret(token, 'HS256', secret))
  },
  'ES256, by WebCrypto': () =>
    inPortions(byKey, async (token) => requireGood(await isSignedByKey(token))),
}

const times = new Map<string, number[]>(Object.keys(ways).map((name) => [name, []]))
for (let round = 0; round <= rounds; round++) {
  for (const [name, check] of Object.entries(ways)) {
    const before = process.cpuUsage()
    await check()
    const { user, system } = process.cpuUsage(before)
    if (round > 0) times.get(name)?.push((user + system) / count)
  }
}
const widths = [30, 16]
console.log(tableRow(['', 'µs of CPU each'], widths))
for (const [name, own] of times) console.log(tableRow([name, median(own).toFixed(1)], widths))

function listTokens(alg: string, makeSignature: (text: string) => Buffer): readonly string[] {
  return Array.from({ length: count }, (_, i) => {
    const claims = { sub: `user-${i}`, iat: 1, exp: 2, tidemark: { subscribe: ['bench/*'] } }
    const text = [{ alg, typ: 'JWT' }, claims].map(encodePart).join('.')
    return `${text}.${makeSignature(text).toString('base64url')}`
  })
}

function isSignedByKey(token: string): Promise<boolean> {
  const end = token.lastIndexOf('.')
  const signature = Buffer.from(token.slice(end + 1), 'base64url')
  return crypto.subtle.verify(ecdsa, webKey, signature, Buffer.from(token.slice(0, end)))
}

function encodePart(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

async function inPortions(
  tokens: readonly string[],
  check: (token: string) => Promise<unknown>,
): Promise<void> {
  for (let i = 0; i < tokens.length; i += atOnce)
    await Promise.all(tokens.slice(i, i + atOnce).map(check))
}

function requireGood(isGood: boolean): void {
  if (!isGood) throw new Error('A signature is not good.')
}
