// Tokens of the kind that Mercure and Centrifugo ask for: JWTs signed with HS256 (RFC 7519, RFC 7515).

import { createHmac } from 'node:crypto'

/** Signs claims with a shared key. */
export function signToken(claims: object, key: string): string {
  const head = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`
  return `${head}.${createHmac('sha256', key).update(head).digest('base64url')}`
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}
