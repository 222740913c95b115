// A revocation: as callers give it, and as the ledger keeps it.

import { createHash } from 'node:crypto'
import { createMemberReaders } from '@tidemark/log/values'
import { nearestName, quote, quoteValue } from '@tidemark/wire/values'
import { AccessError } from '../errors.ts'
import { keptClaimCharactersMax, secondsLookMax, userCharactersMax } from '../limits.ts'

/**
 * Takes back everything of one user, one token, one open session, or all tokens with a claim of one value.
 * Exactly one of `user`, `tokenId`, `session` and `claim` is given.
 */
export interface Revocation {
  /** All that rests on tokens of this user. */
  readonly user?: string | undefined
  /** The token with this `jti`. */
  readonly tokenId?: string | undefined
  /** The open session with this id, and the credential that it came by. */
  readonly session?: string | undefined
  /** All tokens in which the claim of this name has `value`. */
  readonly claim?: string | undefined
  readonly value?: string | number | boolean | undefined
  /** Only tokens of this issuer. Default: of any. */
  readonly issuer?: string | undefined
  /**
   * Milliseconds since 1970. A token with a later `iat` is let in: the user has signed in again. A token
   * without `iat` is not. Default: now, for a user and a claim; for a token and a session every time.
   */
  readonly issuedBefore?: number | undefined
  /**
   * Milliseconds since 1970: the revocation is forgotten then, because no token that it is about can still be
   * valid. Default: after the longest life of a token.
   */
  readonly expiresAt?: number | undefined
  /** For people: why. 200 characters at most. */
  readonly note?: string | undefined
}

/** As the ledger keeps it, and as a list shows it. */
export interface StoredRevocation {
  /** `$user`, `$session`, `$token` (the hash of a token without a `jti`), or the name of a claim. */
  readonly name: string
  readonly value: string
  readonly issuer?: string | undefined
  readonly issuedBefore?: number | undefined
  readonly note?: string | undefined
  /** When it was made, in milliseconds since 1970. */
  readonly at: number
  /** When it is forgotten, in milliseconds since 1970. */
  readonly expiresAt: number
}

/** A revocation that is checked; whose end the caller may have left open. */
export interface CheckedRevocation extends Omit<StoredRevocation, 'expiresAt'> {
  readonly expiresAt: number | undefined
}

const memberNames = [
  'user',
  'tokenId',
  'session',
  'claim',
  'value',
  'issuer',
  'issuedBefore',
  'expiresAt',
  'note',
] as const

const subjectNames = ['user', 'tokenId', 'session', 'claim'] as const

const { readMembers } = createMemberReaders<'REVOCATION_INVALID'>(AccessError)

/**
 * Checks what a caller, or the body of a request, asks to revoke.
 * @param claimNames The claims that open sessions keep: by any other one a revocation would find nothing.
 * @throws AccessError `REVOCATION_INVALID`
 */
export function checkRevocation(
  given: Revocation,
  { now, claimNames }: { readonly now: number; readonly claimNames: readonly string[] },
): CheckedRevocation {
  const what = 'A revocation'
  const revocation = readMembers(given, memberNames, { code: 'REVOCATION_INVALID', what })
  requireKnown(given)
  const { note } = revocation
  const issuer = readText('issuer', revocation.issuer, keptClaimCharactersMax)
  const issuedBefore = readTime('issuedBefore', revocation.issuedBefore)
  const subject = readSubject(revocation, claimNames)
  const isForever = subject.name === 'jti' || subject.name === '$session'
  if (subject.name === '$session' && (issuedBefore ?? issuer) !== undefined)
    throw invalid('A session is one: issuedBefore and issuer say nothing about it. Leave them out')
  return {
    ...subject,
    issuer,
    issuedBefore: issuedBefore ?? (isForever ? undefined : now),
    note: note === undefined ? undefined : readNote(note),
    at: now,
    expiresAt: readEnd(revocation.expiresAt, now),
  }
}

function requireKnown(given: object): void {
  const unknown = Object.keys(given).find((name) => !memberNames.some((known) => known === name))
  if (unknown === undefined) return
  const nearest = nearestName(unknown, memberNames)
  const hint =
    nearest === undefined ? `Known are ${memberNames.join(', ')}` : `Did you mean ${nearest}?`
  throw invalid(`A revocation has no member ${quote(unknown)}. ${hint}`)
}

function readSubject(
  given: Partial<Revocation>,
  claimNames: readonly string[],
): Pick<StoredRevocation, 'name' | 'value'> {
  const named = subjectNames.filter((name) => given[name] !== undefined)
  const [kind] = named
  if (kind === undefined || named.length > 1) {
    throw invalid(
      `A revocation has one of user, tokenId, session and claim; got ${named.join(' and ') || 'none'}. Make several, one for each`,
    )
  }
  const text = readText(
    kind,
    given[kind],
    kind === 'user' ? userCharactersMax : keptClaimCharactersMax,
  )
  if (kind !== 'claim') {
    if (given.value !== undefined)
      throw invalid(`value belongs to a claim; got one beside ${kind}. Leave it out`)
    const names = { user: '$user', tokenId: 'jti', session: '$session' } as const
    return { name: names[kind], value: text ?? '' }
  }
  if (text === undefined || !claimNames.includes(text)) {
    throw invalid(
      `claim is one of those that are kept with a session: ${claimNames.join(', ')}; got ${quoteValue(text)}. Name further ones in revocableClaims`,
    )
  }
  return { name: text, value: readClaimValue(given.value) }
}

/** As text, as in `subjectOf`. */
function readClaimValue(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  const text = readText('value', value, keptClaimCharactersMax)
  if (text !== undefined) return text
  throw invalid('value is missing: what the claim must be for the revocation to hold. Say it')
}

function readText(name: string, value: unknown, charactersMax: number): string | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'string' && value !== '' && value.length <= charactersMax) return value
  throw invalid(`${name} is a text of 1 to ${charactersMax} characters; got ${quoteValue(value)}`)
}

/** Lists show it to people, line by line. */
function readNote(note: unknown): string {
  if (typeof note === 'string' && /^[^\p{Cc}\p{Cs}]{1,200}$/u.test(note)) return note
  throw invalid(`note is one line of 1 to 200 characters; got ${quoteValue(note)}`)
}

function readTime(name: string, value: unknown): number | undefined {
  if (value === undefined) return undefined
  // The longest that is taken is a day of the year 5138: microseconds are no such time.
  const isTime = Number.isInteger(value) && Number(value) < secondsLookMax * 1_000
  if (typeof value !== 'number' || !isTime || value < 0)
    throw invalid(`${name} is whole milliseconds since 1970; got ${quoteValue(value)}`)
  // The seconds of an `iat`, taken for milliseconds, are a day of January 1970: nothing would be revoked.
  if (value < secondsLookMax)
    throw invalid(
      `${name} is milliseconds since 1970; got ${value}, which looks like seconds. Multiply it by 1,000`,
    )
  return value
}

function readEnd(value: unknown, now: number): number | undefined {
  const end = readTime('expiresAt', value)
  if (end === undefined || end > now) return end
  throw invalid(`expiresAt is in the future; got ${end}, and it is ${now}. Leave it out`)
}

function invalid(text: string): AccessError {
  return new AccessError('REVOCATION_INVALID', text.endsWith('?') ? text : `${text}.`)
}

/** The name of a ledger entry: at most 256 characters, whatever the value is. */
export function keyOf({
  name,
  value,
  issuer,
  issuedBefore,
}: Omit<StoredRevocation, 'expiresAt'>): string {
  const parts = JSON.stringify([name, value, issuer ?? null, issuedBefore ?? null])
  return createHash('sha256').update(parts).digest('base64url')
}

/** Text of the ledger. Throws for one that a newer version has written, and that means something else. */
export const revocationCodec = {
  encode: (revocation: StoredRevocation): string => JSON.stringify(revocation),
  decode(text: string): StoredRevocation {
    const stored: unknown = JSON.parse(text)
    if (isStored(stored)) return stored
    throw new Error(`A revocation of another version is not understood: ${quote(text)}.`)
  },
}

function isStored(value: unknown): value is StoredRevocation {
  if (typeof value !== 'object' || value === null) return false
  const {
    name,
    value: text,
    issuer,
    issuedBefore,
    at,
    expiresAt,
  } = value as Partial<StoredRevocation>
  return (
    typeof name === 'string' &&
    typeof text === 'string' &&
    typeof at === 'number' &&
    typeof expiresAt === 'number' &&
    (issuer === undefined || typeof issuer === 'string') &&
    (issuedBefore === undefined || typeof issuedBefore === 'number')
  )
}
