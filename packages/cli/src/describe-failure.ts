// Any error as one line and an exit code.

import { ClientError } from '@tidemark/client'
import { CliError } from './errors.ts'
import type { CliErrorCode } from './errors.ts'
import { exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'

/** How a failed command ends. */
export interface Failure {
  /** One sentence or two, and the code in brackets. */
  readonly text: string
  /** Lines to copy, below the text. */
  readonly lines?: readonly string[]
  readonly exitCode: ExitCode
}

/** By the codes of the hub, its log and the client; a log's errors come through the hub. */
const exitCodesByCode: Readonly<Record<string, ExitCode>> = {
  CONFIG_INVALID: exitCodes.config,
  CONFIG_UNREADABLE: exitCodes.config,
  HOST_NEEDS_AUTH: exitCodes.config,
  TLS_UNUSABLE: exitCodes.config,
  SIGNING_KEY_MISSING: exitCodes.config,
  SIGNING_KEY_INVALID: exitCodes.config,
  TOKENS_UNCHECKED: exitCodes.config,
  ACCESS_OPTION_INVALID: exitCodes.config,
  TOKEN_CLAIMS_INVALID: exitCodes.usage,
  LOG_SETTINGS_DIFFER: exitCodes.config,
  RETENTION_INVALID: exitCodes.config,
  AUTH_KEYS_UNREACHABLE: exitCodes.unavailable,
  PORT_IN_USE: exitCodes.unavailable,
  ADDRESS_UNUSABLE: exitCodes.unavailable,
  LOG_UNAVAILABLE: exitCodes.io,
  LOG_NOT_WRITABLE: exitCodes.directory,
  LOG_FORMAT_NEWER: exitCodes.directory,
  LOG_FORMAT_FOREIGN: exitCodes.directory,
  LOG_DAMAGED: exitCodes.directory,
  LOG_DIRECTORY_LOST: exitCodes.directory,
  LOG_SUPERSEDED: exitCodes.directory,
  LOG_HELD: exitCodes.directory,
  LOG_NOT_EMPTY: exitCodes.directory,
  BACKUP_EXISTS: exitCodes.directory,
  EPOCH_INVALID: exitCodes.directory,
  OPTION_INVALID: exitCodes.usage,
  FILTER_INVALID: exitCodes.usage,
  URL_INVALID: exitCodes.usage,
  OPTIONS_INVALID: exitCodes.usage,
  REQUEST_INVALID: exitCodes.usage,
  RETRIES_EXHAUSTED: exitCodes.unavailable,
  ANSWER_INVALID: exitCodes.protocol,
  CONTENT_TYPE_WRONG: exitCodes.protocol,
  STATUS_WRONG: exitCodes.protocol,
  REDIRECT_INVALID: exitCodes.protocol,
  STREAM_INVALID: exitCodes.protocol,
  STREAM_STOPPED: exitCodes.protocol,
}

/** The names on the command line for the advice of the client and of the log. */
const hints: readonly Hint[] = [
  { code: 'STREAM_INVALID', advice: 'Raise eventCharactersMax', option: '--max-event-characters' },
  { code: 'BACKUP_EXISTS', advice: 'may be replaced', option: '--overwrite' },
  // A directory of something else is refused by this code as well, and nothing helps there.
  { code: 'LOG_NOT_EMPTY', advice: 'may be moved aside', option: '--replace' },
  { code: 'LOG_UNAVAILABLE', advice: 'make a compact backup', option: '--compact' },
]

interface Hint {
  readonly code: string
  /** Words of the message by which it is known to give the advice. */
  readonly advice: string
  readonly option: string
}

const exitCodesOfCli: Readonly<Record<CliErrorCode, ExitCode>> = {
  COMMAND_UNKNOWN: exitCodes.usage,
  OPTION_UNKNOWN: exitCodes.usage,
  OPTION_INVALID: exitCodes.usage,
  ARGUMENT_INVALID: exitCodes.usage,
  INPUT_FAILED: exitCodes.io,
  INPUT_NOT_UTF8: exitCodes.data,
  INPUT_TOO_LARGE: exitCodes.data,
  LINE_NOT_UTF8: exitCodes.data,
  LINES_REFUSED: exitCodes.data,
  LINE_TOO_LONG: exitCodes.data,
  BENCH_UNREACHABLE: exitCodes.unavailable,
  BENCH_NOT_SSE: exitCodes.protocol,
  BENCH_REFUSED: exitCodes.data,
  BENCH_DESCRIPTORS: exitCodes.system,
  BENCH_FAILED: exitCodes.system,
  KEY_UNREADABLE: exitCodes.config,
  HUB_UNREACHABLE: exitCodes.unavailable,
  HUB_DENIED: exitCodes.permission,
  HUB_REFUSED: exitCodes.data,
  HUB_ANSWER_INVALID: exitCodes.protocol,
  EXPLAIN_REFUSED: exitCodes.permission,
  EXPLAIN_FAILED: exitCodes.protocol,
  OUTPUT_UNWRITABLE: exitCodes.io,
}

/** Describes what a command rejected with. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof CliError) return describeCliError(error)
  if (error instanceof ClientError && error.code === 'REFUSED') return describeRefusal(error)
  const code = codeOf(error)
  if (code === 'HOST_NEEDS_AUTH') return describeExposure(error)
  const said = say(error, code)
  const hint = hints.find((each) => each.code === code && said.includes(each.advice))
  const text = hint === undefined ? said : `${said} Here the option is ${hint.option}.`
  return { text, exitCode: exitCodesByCode[code] ?? exitCodes.failed }
}

/** Its message ends in lines for a shell. */
function describeExposure(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error)
  const [first = '', ...lines] = message.split('\n')
  const text = `${say(new Error(first.replace(/:$/, '')), codeOf(error))}:`
  return { text, lines, exitCode: exitCodes.config }
}

function describeCliError(error: CliError): Failure {
  const { code, cause } = error
  const { exitCode } =
    code === 'LINES_REFUSED' ? describeFailure(cause) : { exitCode: exitCodesOfCli[code] }
  return { text: say(error, code), exitCode }
}

/** A refusal in the hub's own words where it gave some: they say what to do. */
function describeRefusal(error: ClientError): Failure {
  const isForbidden = error.status === 401 || error.status === 403
  const { code = error.code, detail } = error.problem ?? {}
  return {
    text: detail === undefined ? say(error, code) : `${detail} (${code})`,
    exitCode: isForbidden ? exitCodes.permission : exitCodes.data,
  }
}

function codeOf(error: unknown): string {
  const isCoded = error instanceof Error && 'code' in error && typeof error.code === 'string'
  return isCoded ? String(error.code) : 'INTERNAL'
}

function say(error: unknown, code: string): string {
  return `${error instanceof Error ? error.message : String(error)} (${code})`
}
