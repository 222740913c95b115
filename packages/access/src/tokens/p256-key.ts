// Signatures of ES256, by the kind of key that nearly all who sign so have.

import { KeyObject, verify } from 'node:crypto'
import type { VerifyKey } from './key-source.ts'

/** Two numbers of 32 bytes (RFC 7518 §3.4). */
const signatureBytes = 64

/** Whether ES256 is checked by {@link isSignedOnP256}: its key must be one of P-256. */
export function isForP256(alg: string, key: VerifyKey): key is KeyObject {
  if (alg !== 'ES256' || !(key instanceof KeyObject) || key.type !== 'public') return false
  return key.asymmetricKeyDetails?.namedCurve === 'prime256v1'
}

/**
 * Whether a key of P-256 has signed a token (RFC 7515 §5.2). In another thread, as WebCrypto does it, and with
 * three quarters of the CPU time: `npm run bench -- signatures`.
 */
export function isSignedOnP256(text: string, key: KeyObject): Promise<boolean> {
  const end = text.lastIndexOf('.')
  const signature = Buffer.from(text.slice(end + 1), 'base64url')
  if (end === -1 || signature.length !== signatureBytes) return Promise.resolve(false)
  const signed = Buffer.from(text.slice(0, end), 'latin1')
  const wanted = { key, dsaEncoding: 'ieee-p1363' } as const
  return new Promise((resolve, reject) => {
    verify('sha256', signed, wanted, signature, (error, isGood) => {
      if (error === null) resolve(isGood)
      else reject(error)
    })
  })
}
