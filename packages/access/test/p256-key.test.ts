// Signatures of ES256, held against those that jose makes and takes.

import { generateKeyPairSync, sign } from 'node:crypto'
import { CompactSign, compactVerify } from 'jose'
import { expect, test } from 'vitest'
import { isForP256, isSignedOnP256 } from '../src/tokens/p256-key.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })

function signWith(key: typeof privateKey, claims = '{"sub":"ada"}'): Promise<string> {
  return new CompactSign(new TextEncoder().encode(claims))
    .setProtectedHeader({ alg: 'ES256' })
    .sign(key)
}

/** The token with another signature. */
function resign(token: string, change: (signature: Buffer, signed: Buffer) => Buffer): string {
  const end = token.lastIndexOf('.')
  const signed = token.slice(0, end)
  const signature = Buffer.from(token.slice(end + 1), 'base64url')
  return `${signed}.${change(signature, Buffer.from(signed)).toString('base64url')}`
}

const changes: readonly [string, (signature: Buffer, signed: Buffer) => Buffer][] = [
  ['none', () => Buffer.alloc(0)],
  ['zeros', () => Buffer.alloc(64)],
  ['one byte less', (signature) => signature.subarray(0, 63)],
  ['one byte more', (signature) => Buffer.concat([signature, Buffer.alloc(1)])],
  ['its halves in the other order', (s) => Buffer.concat([s.subarray(32), s.subarray(0, 32)])],
  ['one bit turned', (s) => Buffer.from(s.map((byte, i) => (i === 40 ? byte ^ 1 : byte)))],
  ['the same in DER', (_, signed) => sign('sha256', signed, privateKey)],
]

test('a token that jose signs is good, with its own key alone and as it was signed', async () => {
  const token = await signWith(privateKey)
  await expect(isSignedOnP256(token, publicKey)).resolves.toBe(true)
  await expect(isSignedOnP256(token, other.publicKey)).resolves.toBe(false)
  const [head, , signature] = token.split('.')
  const claims = Buffer.from('{"sub":"eve"}').toString('base64url')
  await expect(isSignedOnP256(`${head}.${claims}.${signature}`, publicKey)).resolves.toBe(false)
})

test.each(changes)('a signature of which there is left: %s, is refused as by jose', async (_, change) => {
  const token = resign(await signWith(privateKey), change)
  await expect(isSignedOnP256(token, publicKey)).resolves.toBe(false)
  await expect(compactVerify(token, publicKey, { algorithms: ['ES256'] })).rejects.toThrow(Error)
})

test('other algorithms, other curves and keys that sign are left to jose', () => {
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  expect(isForP256('ES256', publicKey)).toBe(true)
  expect(isForP256('ES384', publicKey)).toBe(false)
  expect(isForP256('none', publicKey)).toBe(false)
  for (const key of [p384.publicKey, rsa.publicKey, privateKey])
    expect(isForP256('ES256', key)).toBe(false)
})
