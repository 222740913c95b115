// The table of commands: a node asks something of other nodes, most often of one of their sessions.

import type { SpreadAct } from '../send/spreader.ts'
import type { Trace, TraceQuestion } from '../trace/trace.ts'
import type { SessionHandle } from '../session/session-handle.ts'
import type { IsLate } from '../session/is-late.ts'
import { requireOwn } from './asker.ts'
import type { Asker } from './asker.ts'
import { isObject } from './command-row.ts'
import type { CommandHost, CommandPlace, CommandRow, CommandText } from './command-row.ts'
import { changeCommand } from './commands/change-command.ts'
import type { ChangeAct } from './commands/change-command.ts'
import { endCommand } from './commands/end-command.ts'
import type { EndAct } from './commands/end-command.ts'
import { renewCommand } from './commands/renew-command.ts'
import type { RenewAct } from './commands/renew-command.ts'
import { sendCommand } from './commands/send-command.ts'
import type { SendAct } from './commands/send-command.ts'
import { spreadCommand } from './commands/spread-command.ts'
import { traceCommand } from './commands/trace-command.ts'
import { sessionNotFound } from './session-not-found.ts'

/** The content of each command. */
interface Acts {
  readonly send: SendAct
  readonly change: ChangeAct
  readonly renew: RenewAct
  readonly end: EndAct
  /** For all nodes. */
  readonly spread: SpreadAct
  readonly trace: TraceQuestion
}

/** Each resolves to this, at the node that carries it out. */
interface Results {
  readonly send: boolean
  readonly change: boolean
  readonly renew: boolean
  readonly end: boolean
  readonly spread: number
  readonly trace: Trace
}

export type CommandName = keyof Acts

/** The result of a command. */
export type ResultOf<Name extends CommandName> = Results[Name]

const rows: { readonly [Name in CommandName]: CommandRow<Acts[Name], Results[Name]> } = {
  send: sendCommand,
  change: changeCommand,
  renew: renewCommand,
  end: endCommand,
  spread: spreadCommand,
  trace: traceCommand,
}

/** One thing that a node asks. */
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

/** Finds an open session of this node, for what has to be done in time. */
export type FindSession = (id: string, isLate?: IsLate) => SessionHandle | undefined

/** The node that carries commands out. */
export interface CommandNode extends CommandHost {
  readonly find: FindSession
}

/**
 * Carries a command out at this node. `session` is the id of the session that it is for, if it is for one.
 * @throws as the handle of the session; ServerError `SESSION_NOT_FOUND`, `USER_DIFFERS`, `UNAUTHENTICATED`
 */
export async function carryOut<Name extends CommandName>(
  { find, ...host }: CommandNode,
  { name, by, act }: CommandOf<Name>,
  { session, isLate }: { readonly session: string | undefined; readonly isLate: IsLate },
): Promise<ResultOf<Name>> {
  const place: CommandPlace = {
    ...host,
    isLate,
    handle: () => {
      const handle = session === undefined ? undefined : find(session, isLate)
      if (handle === undefined) throw sessionNotFound(session ?? '')
      requireOwn(handle, by)
      return handle
    },
  }
  return rows[name].carryOut(place, act)
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
