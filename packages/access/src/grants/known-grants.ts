// The grants of tokens that have come before, made once for all requests that bring them.

import type { Grant } from '@tidemark/server'
import type { Issuer } from '../tokens/plan-issuers.ts'
import type { VerifiedToken } from '../tokens/verify-token.ts'

interface KnownGrant {
  readonly issuer: Issuer
  readonly grant: Grant
}

/**
 * Kept for as long as the claims are. A grant depends on these, on the row of their issuer, and on the end.
 * The end is later for a token that lives on what clocks are given.
 */
export class KnownGrants {
  readonly #grants = new WeakMap<VerifiedToken['claims'], KnownGrant>()

  /** Undefined where no grant was made of the claims. */
  find(claims: VerifiedToken['claims']): Grant | undefined {
    return this.#grants.get(claims)?.grant
  }

  /** Makes the grant where it is not known. It is frozen, so that it can be shared. */
  of({ claims, issuer, expiresAt }: VerifiedToken, make: () => Grant): Grant {
    const known = this.#grants.get(claims)
    if (known?.issuer === issuer && known.grant.expiresAt === expiresAt) return known.grant
    const grant = freeze(make())
    this.#grants.set(claims, { issuer, grant })
    return grant
  }
}

function freeze(grant: Grant): Grant {
  for (const member of Object.values(grant)) Object.freeze(member)
  return Object.freeze(grant)
}
