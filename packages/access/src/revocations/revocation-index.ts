// Revocations by what they are about, so that a request looks at its own and not at all of them.

import type { GrantClaims } from '@tidemark/server'
import type { StoredRevocation } from './revocation.ts'

/** Someone who has, or had, a grant. */
export interface Bearer {
  readonly user?: string | undefined
  readonly claims?: GrantClaims | undefined
}

/**
 * Finding costs one look-up per name by which anything is revoked (user, `jti`, …), however many revocations
 * there are. 10,000 of them: `npm run bench -- revocations`.
 */
export class RevocationIndex {
  readonly #byKey = new Map<string, StoredRevocation>()
  /** By name, then by value, then by key. */
  readonly #byName = new Map<string, Map<string, Map<string, StoredRevocation>>>()

  get size(): number {
    return this.#byKey.size
  }

  put(key: string, revocation: StoredRevocation): void {
    this.delete(key)
    this.#byKey.set(key, revocation)
    const { name, value } = revocation
    const values = this.#byName.get(name) ?? new Map<string, Map<string, StoredRevocation>>()
    this.#byName.set(name, values)
    const same = values.get(value)
    if (same === undefined) values.set(value, new Map([[key, revocation]]))
    else same.set(key, revocation)
  }

  delete(key: string): void {
    const revocation = this.#byKey.get(key)
    if (revocation === undefined) return
    this.#byKey.delete(key)
    const { name, value } = revocation
    const values = this.#byName.get(name)
    const same = values?.get(value)
    same?.delete(key)
    if (same?.size === 0) values?.delete(value)
    if (values?.size === 0) this.#byName.delete(name)
  }

  /** The revocation that ends what the bearer has; undefined: it still holds. */
  find({ user, claims = {} }: Bearer): StoredRevocation | undefined {
    for (const [name, values] of this.#byName) {
      const value = name === '$user' ? user : claims[name]
      // No claim of a token stands for a session, whatever it is called.
      if (value === undefined || name === '$session') continue
      for (const revocation of values.get(String(value))?.values() ?? []) {
        if (covers(revocation, claims)) return revocation
      }
    }
    return undefined
  }

  /** Whether the open session of an id is revoked. */
  hasSession(id: string): boolean {
    return this.#byName.get('$session')?.has(id) ?? false
  }

  /** The keys of those with the same subject and issuer that say less than this one, and not for longer. */
  listWeaker(revocation: StoredRevocation): string[] {
    const { name, value, issuer, issuedBefore = Infinity, expiresAt } = revocation
    return [...(this.#byName.get(name)?.get(value) ?? [])]
      .filter(([, other]) => other.issuer === issuer && other.expiresAt <= expiresAt)
      .filter(([, other]) => (other.issuedBefore ?? Infinity) < issuedBefore)
      .map(([key]) => key)
  }
}

/** `iat` is in seconds and may have fractions (RFC 7519 §4.1.6). A token without it proves no age. */
function covers({ issuer, issuedBefore }: StoredRevocation, claims: GrantClaims): boolean {
  if (issuer !== undefined && claims['iss'] !== issuer) return false
  if (issuedBefore === undefined) return true
  const issuedAt = claims['iat']
  return typeof issuedAt !== 'number' || issuedAt * 1000 < issuedBefore
}
