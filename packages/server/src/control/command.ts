// A command: a node asks something of a session that lives at another node.

import type { Grant } from '../request/grant.ts'
import type { SessionEvent, TopicChange } from '../session/session-handle.ts'
import type { Asker } from './asker.ts'

/** Something that can be done with a session. */
export type Command = Act & {
  /** The client that asks; undefined: the application does, or the act says for itself whose it is. */
  readonly by?: Asker | undefined
}

type Act =
  | { readonly name: 'send'; readonly event: SessionEvent & { readonly data: string } }
  | { readonly name: 'change'; readonly change: TopicChange }
  | { readonly name: 'renew'; readonly grant: Grant }
  | { readonly name: 'end'; readonly reason: string }

/**
 * A command in two parts: one for a line of JSON, and the data of an event as they are.
 * As JSON 1 MiB of data could become 6 MiB.
 */
export interface CommandText {
  readonly head: object
  readonly data: string
}

export function encodeCommand(command: Command): CommandText {
  if (command.name !== 'send') return { head: command, data: '' }
  const { by, event } = command
  const { data, ...rest } = event
  return { head: { name: 'send', by, event: rest }, data }
}

/**
 * Undefined for anything but a command. The session's handle checks the values, as it checks those of the
 * application's own calls.
 */
export function decodeCommand(head: unknown, data: string): Command | undefined {
  if (!isObject(head)) return undefined
  const { name, event, change, grant, reason } = head
  const by = readAsker(head['by'])
  if (name === 'send' && isObject(event)) return { name, by, event: { ...event, data } }
  if (name === 'change' && isObject(change)) return { name, by, change }
  if (name === 'renew' && isObject(grant)) return { name, grant }
  if (name === 'end' && typeof reason === 'string') return { name, by, reason }
  return undefined
}

/** One that cannot be read may do nothing with the session of a user. */
function readAsker(by: unknown): Asker | undefined {
  if (by === undefined) return undefined
  const { user, isAdmin } = isObject(by) ? by : {}
  return { user: typeof user === 'string' ? user : undefined, isAdmin: isAdmin === true }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
