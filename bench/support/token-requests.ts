// Requests for a stream by users that bring a token, and the flags of a hub that takes these tokens.

import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { getRequest } from '../peers/servers/requests.ts'

/** How tokens are signed; undefined: there are none. */
export type Algorithm = 'ES256' | 'HS256' | undefined

const secret = 'a secret of the benchmark, with more than 32 bytes'
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** `GET /events` for a topic below `bench`, once for each of so many users; without tokens one for all. */
export function listRequests(
  algorithm: Algorithm,
  {
    topic,
    users,
    prefix,
  }: { readonly topic: string; readonly users: number; readonly prefix: string },
): readonly string[] {
  return Array.from({ length: algorithm === undefined ? 1 : users }, (_, i) =>
    getRequest(`/events?topic=${topic}`, headersFor(algorithm, `${prefix}-${i}`)),
  )
}

/** The flags of `tidemark serve`. A key is written into `directory`. */
export function flagsFor(algorithm: Algorithm, directory: string): readonly string[] {
  if (algorithm === undefined) return []
  if (algorithm === 'HS256') return [`--auth-secret=${secret}`]
  const file = join(directory, 'key.pem')
  writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }))
  return [`--auth-public-key=${file}`]
}

/** The token of a user who may subscribe and publish below `bench`. */
export function headersFor(algorithm: Algorithm, sub: string): Readonly<Record<string, string>> {
  if (algorithm === undefined) return {}
  const now = Math.floor(Date.now() / 1_000)
  const tidemark = { subscribe: ['bench/*'], publish: ['bench/*'] }
  const claims = { sub, iat: now, exp: now + 3_600, tidemark }
  const text = [{ alg: algorithm, typ: 'JWT' }, claims].map(encodePart).join('.')
  return { Authorization: `Bearer ${text}.${signText(text, algorithm)}` }
}

function encodePart(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

function signText(text: string, algorithm: 'ES256' | 'HS256'): string {
  if (algorithm === 'HS256') return createHmac('sha256', secret).update(text).digest('base64url')
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
  return sign('sha256', Buffer.from(text), key).toString('base64url')
}
