// One row of the table of commands: how a command travels, and what it does.

import type { SpreadAct } from '../send/spreader.ts'
import type { Trace, TraceQuestion } from '../trace/trace.ts'
import type { IsLate } from '../session/is-late.ts'
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

/** The parts of a node that commands act on. */
export interface CommandHost {
  /** Writes an event to sessions of this node; resolves to how many take it. */
  readonly spread: (act: SpreadAct, isLate: IsLate) => Promise<number>
  /** Says what became of an event for a session of this node. */
  readonly trace: (question: TraceQuestion) => Promise<Trace>
}

/** The node where a command is carried out. */
export interface CommandPlace extends CommandHost {
  readonly isLate: IsLate
  /**
   * The session that the command is for, if its client may ask for it.
   * @throws ServerError `SESSION_NOT_FOUND`, `USER_DIFFERS`, `UNAUTHENTICATED`
   */
  handle(): SessionHandle
}

/** One thing that a node can be asked to do. */
export interface CommandRow<Act, Result> {
  encode(act: Act): CommandText
  /**
   * Undefined for anything but this command. The values are checked where they are used, as those of the
   * application's own calls are.
   */
  decode(head: Members, data: string): Act | undefined
  /** @throws as the handle of a session */
  carryOut(place: CommandPlace, act: Act): Promise<Result>
}

export function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
