// Tokens as an issuer makes them, by jose.

import { SignJWT, exportJWK, exportSPKI, generateKeyPair } from 'jose'
import type { JWTPayload } from 'jose'

/** The hubs of these tests check tokens with it. */
export const secret = 'the secret of a test, of more than 32 bytes'

/** Seconds since 1970, as tokens have them. */
const nowSeconds = (): number => Math.floor(new Date().getTime() / 1000)

export interface TokenParts {
  readonly claims?: JWTPayload
  /** How long it is good for. Default: an hour. Negative: it has ended. */
  readonly seconds?: number
  readonly secret?: string
}

/** A token of the user `ada`, unless its claims say otherwise. */
export function signToken({
  claims = {},
  seconds = 3_600,
  ...key
}: TokenParts = {}): Promise<string> {
  return new SignJWT({ sub: 'ada', ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime(nowSeconds() + seconds)
    .sign(new TextEncoder().encode(key.secret ?? secret))
}

/** A grant in the claim `tidemark`. */
export function grantToken(grant: Readonly<Record<string, unknown>>): Promise<string> {
  return signToken({ claims: { tidemark: grant } })
}

export interface Issuer {
  readonly jwks: string
  readonly pem: string
  sign(claims: JWTPayload): Promise<string>
}

/** An issuer with a key pair of its own (ES256). */
export async function makeIssuer(kid: string): Promise<Issuer> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  return {
    jwks: JSON.stringify({
      keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' }],
    }),
    pem: await exportSPKI(publicKey),
    sign: (claims) =>
      new SignJWT({ sub: 'ada', ...claims })
        .setProtectedHeader({ alg: 'ES256', kid })
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(privateKey),
  }
}
