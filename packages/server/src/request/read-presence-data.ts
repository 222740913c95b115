// The facts that a session shows of its user, checked before they are told to other nodes.

import { quote, quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { presenceCharactersMax } from '../presence/limits.ts'
import type { PresenceData } from '../presence/present-session.ts'

/**
 * A flat copy; undefined for none.
 * @throws ServerError `OPTION_INVALID`
 */
export function readPresenceData(what: string, given: unknown): PresenceData | undefined {
  if (given === undefined || given === null) return undefined
  const wanted = `${what} holds texts, numbers and booleans by name, ${presenceCharactersMax} characters as JSON at most`
  const members = listMembers(given, wanted)
  for (const [name, value] of members) {
    if (isFact(value)) continue
    throw invalid(`${wanted}; ${quote(name)} is ${quoteValue(value)}.`)
  }
  if (members.length === 0) return undefined
  const data = Object.freeze(Object.fromEntries(members)) as PresenceData
  const { length } = JSON.stringify(data)
  if (length <= presenceCharactersMax) return data
  throw invalid(`${wanted}; got ${length}.`)
}

function listMembers(given: unknown, wanted: string): readonly (readonly [string, unknown])[] {
  try {
    if (typeof given === 'object' && given !== null && !Array.isArray(given))
      return Object.entries(given)
  } catch (cause) {
    throw invalid(`${wanted}; these throw when they are read.`, cause)
  }
  throw invalid(`${wanted}; got ${quoteValue(given)}.`)
}

function isFact(value: unknown): value is boolean | number | string {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
}

function invalid(message: string, cause?: unknown): ServerError {
  return new ServerError('OPTION_INVALID', message, { cause })
}
