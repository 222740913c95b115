// A command: the words for its help, its options, and the code that runs it.

import type { ExitCode } from './exit-codes.ts'

/** One option of a command. */
export interface CommandOption {
  /** Without the dashes. */
  readonly name: string
  /** The kind of value it takes, for help: `<port>`. A switch has none. */
  readonly value?: string | undefined
  readonly isRepeatable?: boolean | undefined
  readonly help: string
  /** For help. */
  readonly default?: string | undefined
}

/** A command line, taken apart; every option is known and every value is there. */
export interface CommandLine {
  readonly positionals: readonly string[]
  /** Given options with their values in order; a switch has the value `true`. */
  readonly values: ReadonlyMap<string, readonly string[]>
}

/** Its line in the list of commands. */
export interface CommandName {
  readonly name: string
  /** One line. */
  readonly summary: string
}

/** A command of the program. */
export interface Command extends CommandName, CommandBody {}

/** A command without its name; loaded when it is asked for. */
export interface CommandBody {
  /** The arguments after the command's name: `<topic> [text]`. */
  readonly usage: string
  /** A few lines that a newcomer needs to know. */
  readonly description: string
  readonly options: readonly CommandOption[]
  /** Lines a reader can paste. */
  readonly examples: readonly string[]
  /** Resolves with the exit code; what it rejects with is told in one line. */
  run(line: CommandLine): Promise<ExitCode>
}

/** The last value given for an option. */
export function lastValue(line: CommandLine, name: string): string | undefined {
  return line.values.get(name)?.at(-1)
}
