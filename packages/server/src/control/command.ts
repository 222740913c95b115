// A command: a node asks something of a session that lives at another node.

import type { Grant } from '../request/grant.ts'
import type { SessionEvent, TopicChange } from '../session/session-handle.ts'

/** The client that asks, where it has to be the session's own user. */
export interface Asker {
  readonly user: string | undefined
}

/** Something that can be done with a session. */
export type Command =
  | { readonly name: 'renew'; readonly grant: Grant }
  | (Deed & { readonly asker?: Asker | undefined })

/** Without an asker the application does it, or somebody who runs the node. */
type Deed =
  | { readonly name: 'send'; readonly event: SessionEvent & { readonly data: string } }
  | { readonly name: 'change'; readonly change: TopicChange }
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
  const { topic, type, key, data } = command.event
  return { head: { name: 'send', event: { topic, type, key }, asker: command.asker }, data }
}

/**
 * Undefined for anything but a command. The session's handle checks the values, as it checks those of the
 * application's own calls.
 */
export function decodeCommand(head: unknown, data: string): Command | undefined {
  if (!isObject(head)) return undefined
  const { name, event, change, grant, reason } = head
  const asker = decodeAsker(head['asker'])
  if (name === 'send' && isObject(event)) return { name, event: { ...event, data }, asker }
  if (name === 'change' && isObject(change)) return { name, change, asker }
  if (name === 'renew' && isObject(grant)) return { name, grant }
  if (name === 'end' && typeof reason === 'string') return { name, reason, asker }
  return undefined
}

/** An asker that cannot be read is one whom nobody knows, and never the application. */
function decodeAsker(asker: unknown): Asker | undefined {
  if (asker === undefined) return undefined
  const user = isObject(asker) ? asker['user'] : undefined
  return { user: typeof user === 'string' ? user : undefined }
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
