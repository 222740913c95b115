// The message about faults: all of them in one, each with its place, the value given, where, and in
// which units.

import { nearestName, quoteValue } from '@tidemark/wire/values'
import { HubError } from '../errors.ts'
import type { Fault } from './fault.ts'
import type { Origins } from './origin.ts'

/** Texts of a list that a message shows. */
const quotedMax = 5

/** One fault in words; `origins` by the names of settings. */
export function describeFault(fault: Fault, origins: Origins): string {
  const place = fault.path.join('.')
  if (fault.kind === 'unknown') {
    return `there is no setting ${place}${suggest(fault.path.at(-1) ?? '', fault.known)}`
  }
  const { wanted, got, shown, unit } = fault
  const subject = place === '' ? 'the whole' : place
  const said = got === undefined ? '' : `; got ${shown ?? quoteList(got)}`
  const origin = said === '' ? '' : describeOrigin(fault.path, origins)
  return `${subject} ${wanted}${said}${origin}${unit === undefined ? '' : ` (${unit})`}`
}

/** Of a list of texts the texts, as far as there is room. A list with secrets comes as `shown`. */
function quoteList(got: unknown): string {
  const texts = readTexts(got)
  if (texts.length === 0) return quoteValue(got)
  const first = texts.slice(0, quotedMax).map((text) => quoteValue(text))
  const rest = texts.length - first.length
  return first.join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}

/** Empty for all else, also for what throws when it is looked at. */
function readTexts(got: unknown): readonly string[] {
  try {
    const list: readonly unknown[] = Array.isArray(got) ? [...got] : []
    const texts = list.filter((each) => typeof each === 'string')
    return texts.length === list.length ? texts : []
  } catch {
    return []
  }
}

/** The name that may have been meant by an unknown one. */
export function suggest(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  return nearest === undefined ? `; known are ${known.join(', ')}` : `; did you mean ${nearest}?`
}

/** The error for faults that are in words. */
export function invalid(faults: readonly string[]): HubError {
  const text = faults.join('; ')
  const end = text.endsWith('?') ? '' : '.'
  return new HubError('CONFIG_INVALID', `The configuration is not usable: ${text}${end}`)
}

/** Reads what a caller handed in and may throw when it is looked at. */
export function attempt<Result>(what: string, read: () => Result): Result {
  try {
    return read()
  } catch (cause) {
    throw new HubError('CONFIG_INVALID', `${what} throws when it is read.`, { cause })
  }
}

/** A place within a list has the origin of the list. */
function describeOrigin(path: Fault['path'], origins: Origins): string {
  const names = path.map((_, i) => path.slice(0, i + 1).join('.'))
  const origin = names.map((name) => origins.get(name)).find((each) => each !== undefined)
  return origin === undefined || origin.kind === 'default' ? '' : ` from ${origin.name}`
}
