// The options of the settings that say who may come in: those of `serve`, for the commands about tokens.

import process from 'node:process'
import { configOptions, loadConfig } from '@tidemark/hub'
import type { HubConfig } from '@tidemark/hub'
import type { CommandLine, CommandOption } from '../command.ts'
import { readSources, settingOptions } from '../setting-options.ts'

const sections = ['auth', 'anonymous']

const names = new Set(
  configOptions
    .filter(({ path: [section = ''] }) => sections.includes(section))
    .map(({ flag }) => flag),
)

/** Those options, and `--config`. */
export const accessOptions: readonly CommandOption[] = settingOptions.filter(
  ({ name }) => names.has(name) || name === 'config',
)

/**
 * The configuration that a hub started here would have.
 * @throws HubError of the configuration
 */
export function loadAccessConfig(name: string, line: CommandLine): HubConfig {
  return loadConfig(readSources(name, { ...line, positionals: [] }))
}

/** Whether standard output is a terminal that takes colours. */
export function hasColours(): boolean {
  return process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === ''
}
