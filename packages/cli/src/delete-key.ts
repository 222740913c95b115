// `tidemark delete`: ends the value of a key.

import { quote } from '@tidemark/wire/values'
import { askJson } from './ask-json.ts'
import type { CommandBody, CommandLine } from './command.ts'
import { lastValue } from './command.ts'
import { CliError } from './errors.ts'
import { exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { hubOptions } from './hub-options.ts'
import { print } from './output.ts'

/** Deletes a key. */
export const deleteKey: CommandBody = {
  usage: '<topic> <key> [options]',
  description: `Ends the value of a key, in a topic that keeps the latest value of each. Prints the answer of the
hub. Streams get a tidemark.deleted event with the key; those who come later get no value of it.`,
  options: [
    {
      name: 'tag',
      value: '<name>:<value>',
      isRepeatable: true,
      help: 'A tag of the value, so that those hear of it who may read it. May be repeated, for other tags.',
    },
    {
      name: 'permission',
      value: '<name>',
      help: 'The permission of the value, so that those hear of it who have it.',
    },
    ...hubOptions,
  ],
  examples: ['tidemark delete prices/eu ACME', "tidemark delete 'prices/eu' 'a/b c'"],
  run,
}

async function run(line: CommandLine): Promise<ExitCode> {
  const [topic, key, extra] = line.positionals
  if (topic === undefined || key === undefined || key === '' || extra !== undefined) {
    throw new CliError(
      'ARGUMENT_INVALID',
      `delete takes a topic and a key, such as tidemark delete prices/eu ACME; got ${quote(line.positionals.join(' '))}.`,
    )
  }
  if (/^\.\.?$/.test(key)) {
    throw new CliError(
      'ARGUMENT_INVALID',
      `A key of dots alone means another path in a URL; got ${quote(key)}. Delete it in a program, with tide.deleteKey.`,
    )
  }
  const query = new URLSearchParams()
  for (const tag of line.values.get('tag') ?? []) query.append('tag', tag)
  const permission = lastValue(line, 'permission')
  if (permission !== undefined) query.set('permission', permission)
  const segments = topic.split('/').map(encodeURIComponent).join('/')
  const path = `topics/${segments}/keys/${encodeURIComponent(key)}`
  const suffix = query.size === 0 ? '' : `?${query.toString()}`
  const answer = await askJson(line, { method: 'DELETE', path: path + suffix })
  await print(`${JSON.stringify(answer)}\n`)
  return exitCodes.done
}
