// The grants of tokens that have come before, made once for all requests that bring them.

import type { Grant } from '@tidemark/server'
import { fixGrant } from '@tidemark/server/hub'
import type { VerifiedToken } from '../tokens/verify-token.ts'

/** The grant of a token: the one that is known, or else what `make` gives, which is kept with the token. */
export function knownGrantOf(
  { known, issuer, expiresAt }: VerifiedToken,
  make: () => Grant,
): Grant {
  const kept = known.grant
  if (kept?.issuer === issuer && kept.grant.expiresAt === expiresAt) return kept.grant
  const grant = fixGrant(make())
  known.grant = { issuer, grant }
  return grant
}
