// Values as callers written in JavaScript hand them in: of any type, and with members that throw when read.

import { LogError } from './errors.ts'
import type { LogErrorCode } from './errors.ts'
import { quoteValue } from './quote.ts'

/** How a value is called in a message, and with what code it is refused. */
export interface Wanted<Code> {
  readonly code: Code
  /** Begins a sentence: `The options of a log`. */
  readonly what: string
}

/** How one room reads what it is handed. */
export interface MemberReaders<Code> {
  /**
   * The named members of an object.
   * @throws the room's error with the given code when it is no object, or one of them cannot be read
   */
  readonly readMembers: <Value extends object, Name extends keyof Value & string>(
    value: Value,
    names: readonly Name[],
    wanted: Wanted<Code>,
  ) => Partial<Pick<Value, Name>>
  /**
   * The items of an array.
   * @throws the room's error with the given code when it is none, or cannot be read
   */
  readonly readList: <Item>(value: readonly Item[], wanted: Wanted<Code>) => readonly Item[]
}

type ErrorClass<Code> = new (code: Code, message: string, options?: ErrorOptions) => Error

/** Readers that refuse with the errors of a room. */
export function createMemberReaders<Code>(RoomError: ErrorClass<Code>): MemberReaders<Code> {
  return {
    readMembers(value, names, { code, what }) {
      if (!isObject(value)) {
        throw new RoomError(code, `${what} must be an object; got ${quoteValue(value)}.`)
      }
      const members: Partial<typeof value> = {}
      for (const name of names) {
        try {
          members[name] = value[name]
        } catch (cause) {
          throw new RoomError(code, `${what} cannot be read: its ${name} throws.`, { cause })
        }
      }
      return members
    },
    readList<Item>(value: readonly Item[], { code, what }: Wanted<Code>): readonly Item[] {
      try {
        if (Array.isArray(value)) return [...(value as readonly Item[])]
      } catch (cause) {
        throw new RoomError(code, `${what} cannot be read.`, { cause })
      }
      throw new RoomError(code, `${what} must be an array; got ${quoteValue(value)}.`)
    },
  }
}

const readers: MemberReaders<LogErrorCode> = createMemberReaders(LogError)

/** The named members of an object; a {@link LogError} when it has none that can be read. */
export const readMembers: MemberReaders<LogErrorCode>['readMembers'] = readers.readMembers

/** The items of an array; a {@link LogError} when it is none. */
export const readList: MemberReaders<LogErrorCode>['readList'] = readers.readList

/** Whether a value is an array that nobody can change, so that what was found out about it stays true. */
export function isFixedList(value: unknown): boolean {
  try {
    return Array.isArray(value) && Object.isFrozen(value)
  } catch {
    // A proxy that does not let itself be looked at.
    return false
  }
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
