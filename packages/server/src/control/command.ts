// The table of commands: a node asks something of a session that lives at another node.

import type { SessionHandle } from '../session/session-handle.ts'
import { requireOwn } from './asker.ts'
import type { Asker } from './asker.ts'
import { isObject } from './command-row.ts'
import type { CommandRow, CommandText } from './command-row.ts'
import { changeCommand } from './commands/change-command.ts'
import type { ChangeAct } from './commands/change-command.ts'
import { endCommand } from './commands/end-command.ts'
import type { EndAct } from './commands/end-command.ts'
import { renewCommand } from './commands/renew-command.ts'
import type { RenewAct } from './commands/renew-command.ts'
import { sendCommand } from './commands/send-command.ts'
import type { SendAct } from './commands/send-command.ts'

/** The content of each command. */
interface Acts {
  readonly send: SendAct
  readonly change: ChangeAct
  readonly renew: RenewAct
  readonly end: EndAct
}

type CommandName = keyof Acts

const rows: { readonly [Name in CommandName]: CommandRow<Acts[Name]> } = {
  send: sendCommand,
  change: changeCommand,
  renew: renewCommand,
  end: endCommand,
}

/** Something that can be done with a session. */
export interface CommandOf<Name extends CommandName> {
  readonly name: Name
  /** The client that asks; undefined: the application does, or the act says for itself whose it is. */
  readonly by?: Asker | undefined
  readonly act: Acts[Name]
}

export type Command = { readonly [Name in CommandName]: CommandOf<Name> }[CommandName]

export function encodeCommand<Name extends CommandName>({
  name,
  by,
  act,
}: CommandOf<Name>): CommandText {
  const { head, data } = rows[name].encode(act)
  return { head: { name, by, ...head }, data }
}

/** Undefined for anything but a command. */
export function decodeCommand(head: unknown, data: string): Command | undefined {
  if (!isObject(head)) return undefined
  const { name } = head
  if (!isName(name)) return undefined
  const act = rows[name].decode(head, data)
  return act === undefined ? undefined : ({ name, by: readAsker(head['by']), act } as Command)
}

/**
 * Carries a command out on a session, if its client may; resolves to what its handle does.
 * @throws as the handle; ServerError `USER_DIFFERS`, `UNAUTHENTICATED`
 */
export async function carryOut<Name extends CommandName>(
  handle: SessionHandle,
  { name, by, act }: CommandOf<Name>,
): Promise<boolean> {
  requireOwn(handle, by)
  return rows[name].carryOut(handle, act)
}

function isName(name: unknown): name is CommandName {
  return typeof name === 'string' && Object.hasOwn(rows, name)
}

/** One that cannot be read may do nothing with the session of a user. */
function readAsker(by: unknown): Asker | undefined {
  if (by === undefined) return undefined
  const { user, isAdmin } = isObject(by) ? by : {}
  return { user: typeof user === 'string' ? user : undefined, isAdmin: isAdmin === true }
}
