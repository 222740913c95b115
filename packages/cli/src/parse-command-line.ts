// Arguments to options and positionals. `parseArgs` takes them apart; what is wrong with them is said
// here, with the nearest known name.

import { parseArgs } from 'node:util'
import { nearestName, quote } from '@tidemark/wire/values'
import type { Command, CommandLine, CommandOption } from './command.ts'
import { CliError } from './errors.ts'

/**
 * Takes the arguments of a command apart.
 * @throws CliError `OPTION_UNKNOWN`, `OPTION_INVALID`
 */
export function parseCommandLine(command: Command, args: readonly string[]): CommandLine {
  const options = new Map(command.options.map((option) => [option.name, option]))
  const types = Object.fromEntries(
    command.options.map(({ name, value }) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  )
  // Not strict: strict parsing refuses `--since -10` and knows no nearest name.
  const { tokens } = parseArgs({ args: [...args], options: types, strict: false, tokens: true })
  const positionals: string[] = []
  const values = new Map<string, string[]>()
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    const option = options.get(token.name)
    if (option === undefined) throw unknownOption(command, token.rawName)
    const value = checkValue(option, token)
    values.set(option.name, [...(values.get(option.name) ?? []), value])
  }
  return { positionals, values }
}

function checkValue(
  option: CommandOption,
  token: { readonly value?: string | undefined; readonly inlineValue?: boolean | undefined },
): string {
  const { name, value: wanted } = option
  if (wanted === undefined) {
    if (token.inlineValue !== true) return 'true'
    throw new CliError(
      'OPTION_INVALID',
      `--${name} takes no value; got ${quote(token.value ?? '')}.`,
    )
  }
  const { value } = token
  const isForgotten = value === undefined || (token.inlineValue !== true && value.startsWith('--'))
  if (!isForgotten) return value
  throw new CliError('OPTION_INVALID', `--${name} needs a value: --${name} ${wanted}.`)
}

function unknownOption(command: Command, rawName: string): CliError {
  const nearest = nearestName(
    rawName.replace(/^-+/, ''),
    command.options.map(({ name }) => name),
  )
  const hint = nearest === undefined ? '' : ` Did you mean --${nearest}?`
  const dashes = rawName.startsWith('--') ? '' : ' Text that begins with a dash goes after `--`.'
  return new CliError(
    'OPTION_UNKNOWN',
    `${command.name} has no option ${rawName}.${hint}${dashes} See tidemark ${command.name} --help.`,
  )
}
