// A filter as a query, a JSON body or a grant says it.

import { quote, quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { createFilter } from './filter.ts'
import type { Filter, FilterTerms } from './filter.ts'
import { filterCharactersMax, filterTermsMax } from './limits.ts'

/** The members of a filter, not yet checked. */
export interface UncheckedFilter {
  readonly types?: unknown
  readonly keys?: unknown
  readonly where?: unknown
}

/** The tags that events must have, by their names: a value, or several of which each is as good. */
export type Where = Readonly<Record<string, string | readonly string[]>>

/** The names of its members, in a query and in a body. */
export const filterNames = ['types', 'keys', 'where'] as const

/**
 * Reads what a client asks for; undefined: everything.
 * @throws ServerError `FILTER_INVALID`
 */
export function readFilter({ types, keys, where }: UncheckedFilter): Filter | undefined {
  const terms = {
    types: types === undefined ? undefined : readTexts('types', types),
    keys: keys === undefined ? undefined : readTexts('keys', keys),
    where: where === undefined ? undefined : readTags(where),
  }
  requireSize(terms)
  return createFilter(terms)
}

/**
 * Reads the parameters `where=region:eu|us` of a query. Each names one tag; undefined: there are none.
 * @throws ServerError `FILTER_INVALID`
 */
export function readWhereTexts(given: readonly string[]): Where | undefined {
  const texts = copyList(given)
  if (texts?.length === 0) return undefined
  const where = new Map<string, readonly string[]>()
  for (const text of texts ?? [given]) {
    if (typeof text !== 'string')
      throw invalid(`where is a text such as region:eu; got ${quoteValue(text)}`)
    const end = text.indexOf(':')
    const name = text.slice(0, end)
    if (end < 1)
      throw invalid(
        `where is the name of a tag, a colon and a value, such as region:eu; got ${quote(text)}`,
      )
    if (where.has(name))
      throw invalid(
        `where names the tag ${quote(name)} twice. Join its values, such as region:eu|us`,
      )
    where.set(name, text.slice(end + 1).split('|'))
  }
  return Object.fromEntries(where)
}

/** The filters of those that were read, which nobody can change. */
const compiled = new WeakMap<Where, Filter>()

/**
 * Reads the tags that a grant says: a copy, in one order; undefined: none.
 * @throws ServerError `FILTER_INVALID`
 */
export function readWhere(given: unknown): Where | undefined {
  if (given === undefined) return undefined
  const tags = readTags(given)
  requireSize({ where: tags })
  const filter = createFilter({ where: tags })
  if (filter === undefined) return undefined
  const where: Where = Object.freeze(Object.fromEntries(tags))
  compiled.set(where, filter)
  return where
}

/** The filter of the tags of a grant: compiled once for those that {@link readWhere} gave. */
export function filterOfWhere(where: Where | undefined): Filter | undefined {
  if (where === undefined) return undefined
  return compiled.get(where) ?? createFilter({ where: readTags(where) })
}

const example = 'such as {"region":["eu","us"]}'

function readTags(given: unknown): ReadonlyMap<string, readonly string[]> {
  const tags = new Map<string, readonly string[]>()
  for (const [name, values] of listMembers(given)) {
    if (name === '') throw invalid(`where has tags by their names, ${example}; got one without`)
    tags.set(
      name,
      Object.freeze(typeof values === 'string' ? [values] : readTexts(`where.${name}`, values, 0)),
    )
  }
  return tags
}

function listMembers(given: unknown): readonly (readonly [string, unknown])[] {
  try {
    if (typeof given === 'object' && given !== null && !Array.isArray(given))
      return Object.entries(given)
  } catch (cause) {
    throw invalid(`where is an object, ${example}; this one throws when it is read`, cause)
  }
  throw invalid(`where is an object of tags, ${example}; got ${quoteValue(given)}`)
}

/** A list that names nothing would hide everything: most likely a mistake. */
function readTexts(name: string, given: unknown, charactersMin: 0 | 1 = 1): readonly string[] {
  const texts = copyList(given)
  const isWhole = texts?.every(
    (text) => typeof text === 'string' && text.length >= charactersMin && text.isWellFormed(),
  )
  if (texts !== undefined && isWhole === true && texts.length > 0)
    return [...new Set(texts as readonly string[])]
  throw invalid(`${name} is one text or more; got ${quoteValue(given)}`)
}

function copyList(given: unknown): readonly unknown[] | undefined {
  try {
    return Array.isArray(given) ? [...(given as readonly unknown[])] : undefined
  } catch {
    return undefined
  }
}

function requireSize({ types = [], keys = [], where = new Map() }: FilterTerms): void {
  const texts = [...types, ...keys, ...[...where].flatMap(([name, values]) => [name, ...values])]
  if (texts.length > filterTermsMax)
    throw invalid(
      `A filter has ${filterTermsMax} texts at most: types, keys, names and values of tags; got ${texts.length}`,
    )
  const characters = texts.reduce((sum, { length }) => sum + length, 0)
  if (characters <= filterCharactersMax) return
  throw invalid(
    `The texts of a filter have ${filterCharactersMax} characters together at most; got ${characters}`,
  )
}

function invalid(message: string, cause?: unknown): ServerError {
  return new ServerError('FILTER_INVALID', `${message}.`, { cause })
}
