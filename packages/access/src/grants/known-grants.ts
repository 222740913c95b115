// The grants of tokens that have come before, made once for all requests that bring them.

import type { Grant } from '@tidemark/server'
import type { Issuer } from '../tokens/plan-issuers.ts'
import type { VerifiedToken } from '../tokens/verify-token.ts'

interface KnownGrant {
  readonly issuer: Issuer
  readonly grant: Grant
}

/** Kept for as long as the claims are. A grant depends on nothing but these and the row of their issuer. */
export class KnownGrants {
  readonly #grants = new WeakMap<VerifiedToken['claims'], KnownGrant>()

  /** Makes the grant where it is not known. It is frozen, so that it can be shared. */
  of({ claims, issuer }: VerifiedToken, make: () => Grant): Grant {
    const known = this.#grants.get(claims)
    if (known?.issuer === issuer) return known.grant
    const grant = freeze(make())
    this.#grants.set(claims, { issuer, grant })
    return grant
  }
}

function freeze(grant: Grant): Grant {
  for (const member of Object.values(grant)) Object.freeze(member)
  return Object.freeze(grant)
}
