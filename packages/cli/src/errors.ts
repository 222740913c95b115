// Every error of the command line itself, by code.

/** The meaning of each code, and what to do; `docs/reference/errors.md` is generated from it. */
export const cliErrors = {
  COMMAND_UNKNOWN: 'There is no command of this name; `tidemark --help` lists them.',
  OPTION_UNKNOWN: 'The command has no option of this name; its `--help` lists them.',
  OPTION_INVALID: 'An option lacks its value, or has one it cannot have.',
  ARGUMENT_INVALID: 'An argument is missing, or there is one too many.',
  INPUT_FAILED: 'Standard input cannot be read.',
  INPUT_NOT_UTF8: 'Standard input is not UTF-8; nothing was published.',
  INPUT_TOO_LARGE: 'Standard input is too large for one event; nothing was published.',
  LINE_NOT_UTF8: 'A line of standard input is not UTF-8; the lines before it were published.',
  LINES_REFUSED:
    'The hub refused lines of standard input for good; the lines before them were published.',
  BENCH_UNREACHABLE: 'Nothing answers at the URL under test.',
  BENCH_NOT_SSE: 'The answer at the URL under test is no Server-Sent Events stream.',
  BENCH_REFUSED:
    'The server under test refuses the stream or the publish; the message has its reason.',
  BENCH_DESCRIPTORS: 'The system does not let a process have as many connections as asked for.',
  BENCH_FAILED: 'A process of the load tester ended before its work was done.',
  KEY_UNREADABLE: 'The file of a private key cannot be read.',
  HUB_UNREACHABLE: 'The hub that was asked does not answer.',
  HUB_DENIED: 'The hub does not let this caller do it; the message has its reason.',
  HUB_REFUSED: 'The hub refuses what it was asked; the message has its reason.',
  HUB_ANSWER_INVALID: 'The answer is none of a hub.',
  EXPLAIN_REFUSED: 'The hub explains to those with the permission `admin` only.',
  EXPLAIN_FAILED: 'The hub that was asked for an explanation answers something else.',
  OUTPUT_UNWRITABLE: 'A file to write cannot be written.',
  LINE_TOO_LONG: 'A line of standard input is too long; the lines before it were published.',
} as const

export type CliErrorCode = keyof typeof cliErrors

/** An error of the command line; `code` is stable, the message says what, got and what to do. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code: CliErrorCode

  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
