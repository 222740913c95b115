// `tidemark rules`: the rules for topics of a running hub, and other ones for it.

import { readFile } from 'node:fs/promises'
import { quote } from '@tidemark/wire/values'
import { askJson } from './ask-json.ts'
import type { CommandBody, CommandLine } from './command.ts'
import { lastValue } from './command.ts'
import { CliError } from './errors.ts'
import { exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { hubOptions } from './hub-options.ts'
import { inputBytesMax } from './limits.ts'
import { printJson } from './print-json.ts'
import { readAllInput } from './read-all-input.ts'

/** Shows and replaces rules. */
export const rules: CommandBody = {
  usage: '[name] [--set <file>] [options]',
  description: `Prints the rules for topics that a hub follows now, as JSON: of all kinds, or of one. With --set it replaces the whole list of
that kind by the one in a file, and prints the cursor from which on the new list is in force, on every node of the log.

A list has the form that its setting has in the configuration file. The hub asks for the permission admin.`,
  options: [
    {
      name: 'set',
      value: '<file>',
      help: 'A file with the whole list, a JSON array; - reads standard input.',
    },
    ...hubOptions,
  ],
  examples: [
    'tidemark rules',
    'tidemark rules lag',
    `echo '[{"pattern":"prices/**","whenLagging":"conflate"}]' | tidemark rules lag --set -`,
    "tidemark rules retention | jq '.rules' > rules.json   # edit it, then",
    'tidemark rules retention --set rules.json',
  ],
  run,
}

async function run(line: CommandLine): Promise<ExitCode> {
  const [name, extra] = line.positionals
  const file = lastValue(line, 'set')
  if (extra !== undefined) {
    throw new CliError(
      'ARGUMENT_INVALID',
      `rules takes one kind, such as lag; got ${quote(extra)} as well. See tidemark rules --help.`,
    )
  }
  if (file !== undefined && name === undefined) {
    throw new CliError(
      'ARGUMENT_INVALID',
      '--set replaces the list of one kind. Name it: tidemark rules lag --set rules.json.',
    )
  }
  const path = name === undefined ? 'admin/rules' : `admin/rules/${encodeURIComponent(name)}`
  const answer =
    file === undefined
      ? await askJson(line, { path })
      : await askJson(line, { path, method: 'PUT', body: await readList(file) })
  await printJson(answer)
  return exitCodes.done
}

/** The text as it is: the hub says where it is no list. */
async function readList(file: string): Promise<string> {
  if (file === '-') {
    const bytes = await readAllInput({ what: 'the list', bytesMax: inputBytesMax, tooLarge })
    return bytes.toString('utf8')
  }
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CliError('OPTION_INVALID', `The file of --set cannot be read: ${reason}.`, { cause })
  }
}

function tooLarge(): CliError {
  return new CliError(
    'INPUT_TOO_LARGE',
    `Standard input has more than ${inputBytesMax} bytes, which is no list of rules.`,
  )
}
