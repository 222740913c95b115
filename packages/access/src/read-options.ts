// How the options of this room are read, and how a mistake in them is told.

import { nearestName, quote, quoteValue } from '@tidemark/wire/values'
import { AccessError } from './errors.ts'
import { readList, readMembers } from './read-members.ts'

const code = 'ACCESS_OPTION_INVALID'

/**
 * The members of an object of options. An unknown one is a mistake: a restriction that is misspelt must not
 * be passed over.
 * @param what Begins a sentence.
 * @throws AccessError `ACCESS_OPTION_INVALID`
 */
export function readOptions<Value extends object, Name extends keyof Value & string>(
  value: Value,
  names: readonly Name[],
  what: string,
): Partial<Pick<Value, Name>> {
  const members = readMembers(value, names, { code, what })
  const unknown = Object.keys(value).find((name) => !names.some((known) => known === name))
  if (unknown === undefined) return members
  const nearest = nearestName(unknown, names)
  const hint = nearest === undefined ? 'Leave it out' : `Did you mean ${nearest}?`
  throw invalidOption(`${what} has ${names.join(', ')}; got ${quote(unknown)}. ${hint}`)
}

/**
 * A text that is not empty.
 * @throws AccessError `ACCESS_OPTION_INVALID`
 */
export function readText(name: string, text: unknown): string | undefined {
  if (text === undefined) return undefined
  if (typeof text === 'string' && text !== '') return text
  throw invalidOption(
    `${name} must be a text that is not empty; got ${quoteValue(text)}. Leave it out, or fill it in`,
  )
}

/**
 * One text, or a list of some; none is empty.
 * @throws AccessError `ACCESS_OPTION_INVALID`
 */
export function readTexts(
  name: string,
  given: unknown,
  most: number,
): readonly string[] | undefined {
  if (given === undefined) return undefined
  const texts: readonly unknown[] =
    typeof given === 'string'
      ? [given]
      : readList(given as readonly unknown[], { code, what: name })
  if (texts.length > most)
    throw invalidOption(`${name} holds up to ${most} texts; got ${texts.length}. Leave some out`)
  if (texts.length === 0)
    throw invalidOption(`${name} is an empty list. Leave it out, or fill it in`)
  return texts.map((text) => readText(name, text) ?? '')
}

/** An option that cannot be used, before anybody is let in by it. */
export function invalidOption(message: string, cause?: unknown): AccessError {
  const text = /[.?]$/.test(message) ? message : `${message}.`
  return new AccessError(code, text, { cause })
}
