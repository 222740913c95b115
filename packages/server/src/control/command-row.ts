// One row of the table of commands: how a command travels, and what it does.

import type { SessionHandle } from '../session/session-handle.ts'

/**
 * A command in two parts: one for a line of JSON, and the data of an event as they are.
 * As JSON 1 MiB of data could become 6 MiB.
 */
export interface CommandText {
  readonly head: object
  readonly data: string
}

/** The members of an object that came as JSON. */
export type Members = Readonly<Record<string, unknown>>

/** One thing that a node can be asked to do. */
export interface CommandRow<Act> {
  encode(act: Act): CommandText
  /**
   * Undefined for anything but this command. The session's handle checks the values, as it checks those of
   * the application's own calls.
   */
  decode(head: Members, data: string): Act | undefined
  /**
   * Does it with a session, for a client that may; resolves to what the session's handle resolves to.
   * @throws as the handle
   */
  carryOut(handle: SessionHandle, act: Act): Promise<boolean>
}

export function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
