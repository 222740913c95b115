// A grant as `authorize` gives it, checked before anything is held against it.

import { parseTopicSet } from '@tidemark/log'
import type { TopicSet } from '@tidemark/log'
import { quote, quoteValue } from '@tidemark/wire/values'
import type { Grant, GrantClaims } from './grant.ts'
import { ServerError } from '../errors.ts'
import { ownerCharactersMax } from '../limits.ts'
import {
  claimsCharactersMax,
  permissionCharactersMax,
  permissionsMax,
  recheckAfterRangeMs,
} from '../session/limits.ts'
import { readExpiry } from './read-expiry.ts'
import { readWhere } from './read-filter.ts'
import type { Where } from './read-filter.ts'
import { readPresenceData } from './read-presence-data.ts'
import { isFixedList } from '@tidemark/log/values'
import { readList, readMembers } from '../read-members.ts'

const grantNames = [
  'user',
  'subscribe',
  'publish',
  'expiresAt',
  'permissions',
  'where',
  'claims',
  'presence',
  'recheckAfterMs',
] as const

/** Those that were read, and that nobody can change. */
const fixed = new WeakSet<object>()

/**
 * Reads a grant once for all requests that it serves: the engine takes what this gives as it is.
 * @throws ServerError `OPTION_INVALID`
 */
export function fixGrant(given: Grant): Grant {
  const { subscribe, publish, ...others } = readGrant(given)
  const lists = { subscribe: fixList('subscribe', subscribe), publish: fixList('publish', publish) }
  const grant = Object.freeze({ ...others, ...lists })
  fixed.add(grant)
  return grant
}

/** A list that is frozen already may be that of many grants, and stays the same list. */
function fixList(
  name: 'publish' | 'subscribe',
  given: readonly string[] | undefined,
): readonly string[] | undefined {
  if (given === undefined || isFixedList(given)) return given
  return Object.freeze([...readList(given, { code: 'OPTION_INVALID', what: `${name} of a grant` })])
}

/**
 * Overlooks no restriction: neither a member that this node does not know, nor one that is a getter of a
 * class. The lists of topics are read when they are needed.
 * @throws ServerError `OPTION_INVALID`
 */
export function readGrant(given: unknown): Grant {
  if (!isObject(given)) {
    throw invalid(`authorize gives a grant such as ${example}; got ${quoteValue(given)}`)
  }
  if (fixed.has(given)) return given
  const grant: Grant = readMembers<Grant, (typeof grantNames)[number]>(given, grantNames, {
    code: 'OPTION_INVALID',
    what: 'The grant of authorize',
  })
  const unknown = listNames(given).find((name) => !grantNames.some((known) => known === name))
  if (unknown !== undefined) {
    throw invalid(`A grant has ${grantNames.join(', ')}; authorize gave ${quote(unknown)} as well`)
  }
  const { user } = grant
  const isName = typeof user === 'string' && user !== '' && user.length <= ownerCharactersMax
  if (user !== undefined && !isName) {
    throw invalid(
      `The user of a grant is a text of 1 to ${ownerCharactersMax} characters; got ${quoteValue(user)}`,
    )
  }
  readExpiry(grant.expiresAt)
  requireRecheck(grant.recheckAfterMs)
  return {
    ...grant,
    permissions: readPermissions(grant.permissions),
    where: readGrantedWhere(grant.where),
    claims: readClaims(grant.claims),
    presence: readPresenceData('presence of a grant', grant.presence),
  }
}

/**
 * The topics and patterns of a grant; undefined: it grants none.
 * @throws ServerError `OPTION_INVALID`
 */
export function readGrantedTopics(
  name: 'publish' | 'subscribe',
  given: readonly string[] | undefined,
): TopicSet | undefined {
  if (given === undefined) return undefined
  // A frozen list is parsed once for all requests that it serves.
  const names = isFixedList(given)
    ? given
    : readList(given, { code: 'OPTION_INVALID', what: `${name} of a grant` })
  if (names.length === 0) return undefined
  try {
    return parseTopicSet(names)
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause)
    throw invalid(`${name} of a grant names topics and patterns. ${text}`, cause)
  }
}

/** Those of the objects that it inherits from included. */
function listNames(grant: object): readonly string[] {
  const names: string[] = []
  try {
    for (const name in grant) names.push(name)
  } catch (cause) {
    throw invalid('The grant of authorize throws when it is read', cause)
  }
  return names
}

function readPermissions(given: readonly string[] | undefined): readonly string[] | undefined {
  if (given === undefined) return undefined
  const names: readonly unknown[] = readList(given, {
    code: 'OPTION_INVALID',
    what: 'permissions of a grant',
  })
  const isWhole = names.length <= permissionsMax && names.every(isPermission)
  if (!isWhole) {
    throw invalid(
      `permissions of a grant are up to ${permissionsMax} texts of 1 to ${permissionCharactersMax} characters; got ${quoteValue(given)}`,
    )
  }
  return names.length === 0 ? undefined : Object.freeze([...names])
}

function readGrantedWhere(given: Where | undefined): Where | undefined {
  try {
    return readWhere(given)
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause)
    throw invalid(`where of a grant says which tags events must have. ${text}`, cause)
  }
}

function isPermission(name: unknown): name is string {
  return typeof name === 'string' && name !== '' && name.length <= permissionCharactersMax
}

/** A flat copy: what is checked is what stays with the session, and what travels. */
function readClaims(given: GrantClaims | undefined): GrantClaims | undefined {
  if (given === undefined) return undefined
  const wanted = `claims of a grant are texts, numbers and booleans by name, ${claimsCharactersMax} characters as JSON at most`
  if (!isObject(given)) throw invalid(`${wanted}; got ${quoteValue(given)}`)
  const members = listMembers(given, wanted)
  for (const [name, value] of members) {
    if (isClaim(value)) continue
    throw invalid(`${wanted}; ${quote(name)} is ${quoteValue(value)}`)
  }
  if (members.length === 0) return undefined
  const claims = Object.freeze(Object.fromEntries(members)) as GrantClaims
  const { length } = JSON.stringify(claims)
  if (length > claimsCharactersMax) throw invalid(`${wanted}; got ${length}`)
  return claims
}

function listMembers(given: object, wanted: string): readonly (readonly [string, unknown])[] {
  try {
    return Object.entries(given)
  } catch (cause) {
    throw invalid(`${wanted}; these throw when they are read`, cause)
  }
}

function isObject(value: unknown): value is object {
  try {
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    // A proxy that was revoked.
    return false
  }
}

function isClaim(value: unknown): value is boolean | number | string {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
}

function requireRecheck(given: number | undefined): void {
  if (given === undefined) return
  const { from, to } = recheckAfterRangeMs
  if (typeof given === 'number' && given >= from && given <= to) return
  throw invalid(
    `recheckAfterMs of a grant is ${from} to ${to} milliseconds; got ${quoteValue(given)}`,
  )
}

const example = '{ user: "ada", subscribe: ["orders/*"] }'

function invalid(message: string, cause?: unknown): ServerError {
  const text = message.endsWith('.') ? message : `${message}.`
  return new ServerError('OPTION_INVALID', `${text} To refuse a request, throw a ServerError.`, {
    cause,
  })
}
