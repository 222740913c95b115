// The options that say which hub to talk to, and how: shared by the commands that are its clients.

import process from 'node:process'
import { quote } from '@tidemark/wire/values'
import type { CommandLine, CommandOption } from './command.ts'
import { lastValue } from './command.ts'
import { CliError } from './errors.ts'

/** Where a hub listens unless told otherwise. */
export const urlDefault: string = 'http://127.0.0.1:7070'

/** `--header`. */
export const headerOption: CommandOption = {
  name: 'header',
  value: "<'name: value'>",
  isRepeatable: true,
  help: 'A header to send with every request, such as `Authorization: Bearer …`. May be repeated.',
}

/** `--url` and `--header`. */
export const hubOptions: readonly CommandOption[] = [
  {
    name: 'url',
    value: '<url>',
    help: 'The hub. The variable TIDEMARK_URL gives it too.',
    default: urlDefault,
  },
  headerOption,
]

/** Where the hub is, and what to send along. */
export interface HubAddress {
  /** The URL of a path below the hub's. */
  readonly urlOf: (path: string) => URL
  readonly headers: readonly (readonly [string, string])[]
}

/**
 * Reads `--url` and `--header`.
 * @throws CliError `OPTION_INVALID`
 */
export function readHubAddress(line: CommandLine): HubAddress {
  // An empty variable is one that is not set, as with most programs.
  const base = parseHubUrl(lastValue(line, 'url') ?? (process.env['TIDEMARK_URL'] || urlDefault))
  return { urlOf: (path) => new URL(path, base), headers: readHeaders(line) }
}

/**
 * The URL of a hub, for paths to be relative to.
 * @throws CliError `OPTION_INVALID`
 */
export function parseHubUrl(text: string): URL {
  const base = URL.canParse(text) ? new URL(text) : undefined
  if (base === undefined || !/^https?:$/.test(base.protocol)) {
    throw new CliError(
      'OPTION_INVALID',
      `The hub's URL must be like ${urlDefault}; got ${quote(text)}.`,
    )
  }
  if (!base.pathname.endsWith('/')) base.pathname += '/'
  return base
}

/**
 * Reads every `--header`.
 * @throws CliError `OPTION_INVALID`
 */
export function readHeaders(line: CommandLine): readonly (readonly [string, string])[] {
  return (line.values.get('header') ?? []).map((text) => parseHeader(text, 'header'))
}

/**
 * Reads one value of an option that takes headers.
 * @throws CliError `OPTION_INVALID`
 */
export function parseHeader(text: string, option: string): readonly [string, string] {
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)$/s.exec(text)
  // A header may be a token, so a wrong one is not repeated on the screen.
  if (match === null) {
    throw new CliError(
      'OPTION_INVALID',
      `--${option} must be like 'Authorization: Bearer abc'; got no name and colon.`,
    )
  }
  const [, name = '', value = ''] = match
  // RFC 9110, §5.5, and what Node sends.
  const stray = /[^\t\x20-\x7e\x80-\xff]/u.exec(value)?.[0].codePointAt(0)
  if (stray !== undefined) {
    const code = stray.toString(16).toUpperCase().padStart(4, '0')
    throw new CliError(
      'OPTION_INVALID',
      `The value of --${option} ${name} must be of printable Latin-1 characters; got U+${code}. Take it out, or encode it as the server expects.`,
    )
  }
  return [name, value]
}
