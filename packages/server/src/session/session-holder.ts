// Whom a session is held for: the names by which it is found, its end, and what a grant has left with it.

import type { Grant, GrantClaims } from '../request/grant.ts'
import type { SessionOwner } from './session-handle.ts'

/** The part of a grant that stays with its session. */
export interface HeldRights {
  readonly permissions: readonly string[]
  readonly claims: GrantClaims
}

/** The owner of a session. */
export interface SessionHolder extends SessionOwner {
  /** Undefined: nobody has granted anything; the application has chosen the topics, or everybody may. */
  readonly rights?: HeldRights | undefined
  /** True where the application has chosen the topics. */
  readonly hasChosenTopics?: boolean | undefined
}

/** One for all grants without permissions and claims. */
export const plainRights: HeldRights = Object.freeze({
  permissions: Object.freeze([]),
  claims: Object.freeze({}),
})

/** One for all sessions of nobody in particular whose grant says no more than topics. */
const plainHolder: SessionHolder = { rights: plainRights }

/** @param names of the session, which no grant changes */
export function holderOf(
  { user, expiresAt, permissions, claims, presence }: Grant,
  { label, group }: Pick<SessionOwner, 'label' | 'group'>,
): SessionHolder {
  const isPlain = permissions === undefined && claims === undefined
  const isNobody = [user, expiresAt, label, group, presence].every((value) => value === undefined)
  if (isPlain && isNobody) return plainHolder
  const rights = isPlain
    ? plainRights
    : {
        permissions: permissions ?? plainRights.permissions,
        claims: claims ?? plainRights.claims,
      }
  return { user, label, group, expiresAt, presence, rights }
}
