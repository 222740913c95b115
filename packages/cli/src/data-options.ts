// The options that say which data directory is meant: those of `serve`.

import process from 'node:process'
import { configOptions, findDataDirectory, loadConfig } from '@tidemark/hub'
import type { CommandLine, CommandOption } from './command.ts'
import { lastValue } from './command.ts'
import { CliError } from './errors.ts'

const { value = '<directory>', default: initial } =
  configOptions.find(({ flag }) => flag === 'data') ?? {}

/** `--data` and `--config`. */
export const dataOptions: readonly CommandOption[] = [
  {
    name: 'data',
    value,
    help: 'The data directory. The variable TIDEMARK_DATA and the configuration file give it too.',
    default: initial,
  },
  {
    name: 'config',
    value: '<file>',
    help: 'Configuration file, if the directory is to be read there.',
    default: './tidemark.config.json, if there',
  },
]

/**
 * Reads `--data`, and only without it the other sources: what else a hub is configured to does not
 * matter here.
 * @throws CliError `OPTION_INVALID`
 * @throws HubError of the configuration
 */
export function readDataDirectory(line: CommandLine): string {
  const data =
    lastValue(line, 'data') ??
    loadConfig({
      flags: {},
      env: process.env,
      directory: process.cwd(),
      file: lastValue(line, 'config'),
    }).data
  const directory = findDataDirectory(data)
  if (directory !== undefined) return directory
  throw new CliError(
    'OPTION_INVALID',
    'The data must be a directory; got "memory:", of which nothing is kept. Name one with --data.',
  )
}
