// What a node asks of a session of another node, as text of a record.

import type { SessionEvent, TopicChange } from '../session/session-handle.ts'

/** What is to be done with a session. */
export type Command =
  | { readonly name: 'send'; readonly event: SessionEvent & { readonly data: string } }
  | { readonly name: 'change'; readonly change: TopicChange }
  | { readonly name: 'end'; readonly reason: string }

/**
 * A command in two parts: what becomes part of a line of JSON, and the data of an event as they are. In JSON 1 MiB of data could
 * become 6 MiB.
 */
export interface CommandText {
  readonly head: object
  readonly data: string
}

export function encodeCommand(command: Command): CommandText {
  if (command.name !== 'send') return { head: command, data: '' }
  const { topic, type, key, data } = command.event
  return { head: { name: 'send', event: { topic, type, key } }, data }
}

/** Undefined for what is no command. Its values are checked when it is carried out, as those of the application's own calls. */
export function decodeCommand(head: unknown, data: string): Command | undefined {
  if (!isObject(head)) return undefined
  const { name, event, change, reason } = head
  if (name === 'send' && isObject(event)) return { name, event: { ...event, data } }
  if (name === 'change' && isObject(change)) return { name, change }
  if (name === 'end' && typeof reason === 'string') return { name, reason }
  return undefined
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
