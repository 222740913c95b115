// Values as callers written in JavaScript hand them in: of any type, and with members that throw when they are read.
// log has the same with its own errors: log exports only what it owns (ARCHITECTURE.md, "Rooms").

import { ServerError } from './errors.ts'
import type { ServerErrorCode } from './errors.ts'
import { quoteValue } from './quote.ts'

/** How a value is called in a message, and with what code it is refused. */
export interface Wanted {
  readonly code: ServerErrorCode
  /** Begins a sentence: `An event to publish`. */
  readonly what: string
}

/**
 * The named members of an object.
 * @throws ServerError with the given code when it is no object, or one of them cannot be read
 */
export function readMembers<Value extends object, Name extends keyof Value & string>(
  value: Value,
  names: readonly Name[],
  { code, what }: Wanted,
): Partial<Pick<Value, Name>> {
  if (!isObject(value)) {
    throw new ServerError(code, `${what} must be an object; got ${quoteValue(value)}.`)
  }
  const members: Partial<Pick<Value, Name>> = {}
  for (const name of names) {
    try {
      members[name] = value[name]
    } catch (cause) {
      throw new ServerError(code, `${what} cannot be read: its ${name} throws.`, { cause })
    }
  }
  return members
}

/**
 * The items of an array.
 * @throws ServerError with the given code when it is none, or cannot be read
 */
export function readList<Item>(value: readonly Item[], { code, what }: Wanted): readonly Item[] {
  try {
    if (Array.isArray(value)) return [...(value as readonly Item[])]
  } catch (cause) {
    throw new ServerError(code, `${what} cannot be read.`, { cause })
  }
  throw new ServerError(code, `${what} must be an array; got ${quoteValue(value)}.`)
}

/** Whether a value has these methods, as far as it lets itself be looked at. */
export function hasMethods(value: unknown, names: readonly string[]): boolean {
  if (!isObject(value)) return false
  try {
    return names.every((name) => typeof Reflect.get(value, name) === 'function')
  } catch {
    return false
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
