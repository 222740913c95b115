// Checks the issuers of a configuration, and makes of each what its tokens are checked with.

import { quote, quoteValue } from '@tidemark/wire/values'
import { readClaimNames } from '../grants/claim-names.ts'
import type { ReadClaimNames } from '../grants/claim-names.ts'
import {
  clockToleranceMsDefault,
  clockToleranceMsMax,
  issuerNamesMax,
  issuersMax,
} from '../limits.ts'
import { AccessError } from '../errors.ts'
import { readList } from '../read-members.ts'
import { invalidOption, readOptions, readText, readTexts } from '../read-options.ts'
import { isSymmetric, secretBytesOf, tokenAlgorithms } from './algorithms.ts'
import type { TokenAlgorithm } from './algorithms.ts'
import { keyNames, planKeys } from './issuer-keys.ts'
import type { KeyHost, PlannedKeys } from './issuer-keys.ts'
import type { KeySource } from './key-source.ts'
import type { TokenIssuer } from './token-issuer.ts'

/** One issuer, with all that its tokens are checked with. */
export interface Issuer {
  /** Undefined: the only issuer, whatever its tokens say in `iss`. */
  readonly name: string | undefined
  readonly audience: readonly string[]
  readonly keys: KeySource
  readonly algorithms: readonly string[]
  readonly toleranceMs: number
  readonly claimNames: ReadClaimNames
}

/** An issuer whose keys are not read yet. */
export type PlannedIssuer = Omit<Issuer, 'keys'> & { readonly planned: PlannedKeys }

const memberNames = [
  ...keyNames,
  'issuer',
  'audience',
  'isNeededAtStart',
  'algorithms',
  'clockToleranceMs',
  'claimNames',
  'roles',
] as const satisfies readonly (keyof TokenIssuer)[]

/**
 * Checks the issuers of a list; none for an empty one. Nothing is read or fetched yet.
 * @throws AccessError `ACCESS_OPTION_INVALID`
 */
export function planIssuers(
  option: 'tokens' | 'topicTokens',
  given: readonly TokenIssuer[],
  host: KeyHost,
): readonly PlannedIssuer[] {
  const rows = readList(given, { code: 'ACCESS_OPTION_INVALID', what: option })
  if (rows.length > issuersMax)
    throw invalidOption(`${option} may name ${issuersMax} issuers; got ${rows.length}`)
  const planned = rows.map((row, index) => planEntry({ option, index }, row, host))
  const names = planned.map(({ name }) => name)
  requireNames(option, names)
  return planned
}

/** Begins to read their keys. */
export function openIssuers(planned: readonly PlannedIssuer[]): readonly Issuer[] {
  return planned.map(({ planned: keys, ...issuer }) => ({ ...issuer, keys: keys.open() }))
}

function requireNames(option: string, names: readonly (string | undefined)[]): void {
  if (names.length > 1 && names.includes(undefined)) {
    throw invalidOption(
      'Of several issuers each must have its own `issuer`, or a token could choose whose key it is checked with. Name it in each entry',
    )
  }
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined)
    throw invalidOption(`${option} name the issuer ${quote(twice)} twice. Leave one entry`)
}

/** An error says which entry is at fault, for a configuration that has another name for it. */
function planEntry(
  entry: { readonly option: string; readonly index: number },
  row: TokenIssuer,
  host: KeyHost,
): PlannedIssuer {
  try {
    return planIssuer(entry.option, row, host)
  } catch (cause) {
    if (!(cause instanceof AccessError)) throw cause
    throw new AccessError(cause.code, cause.message, { cause, entry })
  }
}

function planIssuer(option: string, row: TokenIssuer, host: KeyHost): PlannedIssuer {
  const given: Partial<TokenIssuer> = readOptions(row, memberNames, `An entry of ${option}`)
  const planned = planKeys(given, host)
  return {
    name: readText('issuer', given.issuer),
    audience: readTexts('audience', given.audience, issuerNamesMax) ?? [],
    planned,
    algorithms: chooseAlgorithms(planned, given.algorithms),
    toleranceMs: readTolerance(given.clockToleranceMs),
    claimNames: readClaimNames(given),
  }
}

function chooseAlgorithms(
  { kind, possible }: PlannedKeys,
  given: readonly TokenAlgorithm[] | undefined,
): readonly TokenAlgorithm[] {
  if (given === undefined) return possible
  const wanted: readonly unknown[] = readList(given, {
    code: 'ACCESS_OPTION_INVALID',
    what: 'algorithms',
  })
  const odd = wanted.find((name) => !tokenAlgorithms.some((known) => known === name))
  if (odd !== undefined || wanted.length === 0) {
    const got = wanted.length === 0 ? 'an empty list' : quoteValue(odd)
    throw invalidOption(
      `algorithms may be ${tokenAlgorithms.join(', ')}; got ${got}. Leave it out, or name some`,
    )
  }
  const unfit = given.find((name) => !possible.includes(name))
  if (unfit === undefined) return [...given]
  const why =
    kind === 'secret' && isSymmetric(unfit)
      ? `it needs a secret of ${secretBytesOf(unfit)} bytes`
      : `the ${kind} is for ${possible.join(', ')}`
  throw invalidOption(
    `algorithms names ${unfit}, which does not fit: ${why}. Leave it out, or give another key`,
  )
}

function readTolerance(given: number = clockToleranceMsDefault): number {
  if (Number.isFinite(given) && given >= 0 && given <= clockToleranceMsMax) return given
  throw invalidOption(
    `clockToleranceMs must be 0 to ${clockToleranceMsMax} milliseconds; got ${quoteValue(given)}`,
  )
}
