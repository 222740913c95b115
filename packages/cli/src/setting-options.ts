// The options that settings have on the command line: those of `serve`, which `config` explains.

import process from 'node:process'
import { configOptions } from '@tidemark/hub'
import type { ConfigSources } from '@tidemark/hub'
import { quote } from '@tidemark/wire/values'
import type { CommandLine, CommandOption } from './command.ts'
import { lastValue } from './command.ts'
import { CliError } from './errors.ts'

/** One for each setting that has a flag, and `--config`. */
export const settingOptions: readonly CommandOption[] = [
  ...configOptions.map(({ flag, value, help, default: initial }) => {
    return { name: flag, value, help, default: initial }
  }),
  {
    name: 'config',
    value: '<file>',
    help: 'Configuration file.',
    default: './tidemark.config.json, if there',
  },
]

/**
 * Where the settings of a command come from; `name` is that of the command.
 * @throws CliError `ARGUMENT_INVALID`
 */
export function readSources(name: string, line: CommandLine): ConfigSources {
  const [extra] = line.positionals
  if (extra !== undefined) {
    throw new CliError(
      'ARGUMENT_INVALID',
      `${name} takes options only; got ${quote(extra)}. See tidemark ${name} --help.`,
    )
  }
  const flags = readFlags(line)
  hideSecrets(name, flags)
  return {
    flags,
    env: process.env,
    directory: process.cwd(),
    file: lastValue(line, 'config'),
  }
}

/** Everybody on the machine can read the arguments of a process; its title stands in their place. */
function hideSecrets(name: string, flags: ConfigSources['flags']): void {
  const isGiven = configOptions.some(
    ({ flag, isSecret }) => isSecret && flags[flag]?.startsWith('@') === false,
  )
  if (isGiven) process.title = `tidemark ${name}`
}

function readFlags(line: CommandLine): Readonly<Record<string, string>> {
  const given = configOptions.flatMap(({ flag, isList }) => {
    const value = lastValue(line, flag)
    if (isList) requireOnce(line, flag)
    return value === undefined ? [] : [[flag, value] as const]
  })
  return Object.fromEntries(given)
}

/** The last one counts, and would take the addresses of the first out of a list of denied ones. */
function requireOnce({ values }: CommandLine, flag: string): void {
  const given = values.get(flag) ?? []
  if (given.length < 2) return
  throw new CliError(
    'OPTION_INVALID',
    `--${flag} is a list and is given once; got ${given.length}. Say --${flag} ${given.join(',')}.`,
  )
}
