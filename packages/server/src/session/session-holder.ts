// Whom a session is held for: the names by which it is found, its end, and what a grant has left with it.

import { allOf } from '../request/filter.ts'
import type { Filter, Reader } from '../request/filter.ts'
import type { Grant, GrantClaims } from '../request/grant.ts'
import { filterOfWhere } from '../request/read-filter.ts'
import type { SessionOwner } from './session-handle.ts'

/** The part of a grant that stays with its session. */
export interface HeldRights {
  readonly permissions: readonly string[]
  readonly claims: GrantClaims
  /** Lets through what the user may get; undefined: everything. */
  readonly filter?: Filter | undefined
}

/** The owner of a session. */
export interface SessionHolder extends SessionOwner {
  /** Undefined: nobody has granted anything; the application has chosen the topics, or everybody may. */
  readonly rights?: HeldRights | undefined
  /** The filter that the client has asked for; a grant makes it narrower. */
  readonly asked?: Filter | undefined
  /** True where the application has chosen the topics. */
  readonly hasChosenTopics?: boolean | undefined
}

/** One for all grants without permissions, claims and filter. */
export const plainRights: HeldRights = Object.freeze({
  permissions: Object.freeze([]),
  claims: Object.freeze({}),
})

/** One for all sessions of nobody in particular whose grant says no more than topics. */
const plainHolder: SessionHolder = { rights: plainRights }

/** @param lasting the parts of an owner that no grant changes */
export function holderOf(
  grant: Grant,
  lasting: Pick<SessionHolder, 'asked' | 'group' | 'label'>,
): SessionHolder {
  const { user, expiresAt, presence } = grant
  const { label, group, asked } = lasting
  const rights = rightsOf(grant)
  const isNobody = [user, expiresAt, label, group, presence, asked].every(isUndefined)
  if (rights === plainRights && isNobody) return plainHolder
  return { user, label, group, expiresAt, presence, rights, asked }
}

const isUndefined = (value: unknown): boolean => value === undefined

function rightsOf({ permissions, claims, where }: Grant): HeldRights {
  if (permissions === undefined && claims === undefined && where === undefined) return plainRights
  return {
    permissions: permissions ?? plainRights.permissions,
    claims: claims ?? plainRights.claims,
    filter: filterOfWhere(where),
  }
}

/** The same owner, with what its client has asked for. */
export function askedBy(owner: SessionHolder, asked: Filter | undefined): SessionHolder {
  return owner.asked === asked ? owner : { ...owner, asked }
}

/** The filter of a session: what its client has asked for, within what its grant lets through. */
export function filterOfHolder({ asked, rights }: SessionHolder): Filter | undefined {
  return allOf(asked, rights?.filter)
}

/** The permissions of a session; none without a grant. */
export function permissionsOf({ rights = plainRights }: SessionHolder): readonly string[] {
  return rights.permissions
}

/** A session as a reader of events. */
export function readerOf({
  audience,
  owner,
}: {
  readonly audience: { readonly filter: Filter | undefined }
  readonly owner: SessionHolder
}): Reader {
  return { filter: audience.filter, permissions: permissionsOf(owner) }
}
