// `tidemark consumers`: where the devices of a user stand at a running hub.

import { quote } from '@tidemark/wire/values'
import { askJson } from './ask-json.ts'
import type { Asked } from './ask-json.ts'
import type { CommandBody, CommandLine } from './command.ts'
import { lastValue } from './command.ts'
import { CliError } from './errors.ts'
import { exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { hubOptions } from './hub-options.ts'
import { printJson } from './print-json.ts'

/** Lists, sets back and deletes. */
export const consumers: CommandBody = {
  usage: '[name] [--reset <place>] [--delete] [options]',
  description: `Prints the consumers of a user as JSON: the names under which a hub keeps a cursor for the streams that were opened with
?consumer=, and how far each has read. With a name it sets one back or ahead (--reset), or deletes it (--delete).

The user is the one of the credentials (--header 'Authorization: Bearer …'). Another user takes the permission admin.`,
  options: [
    {
      name: 'user',
      value: '<user>',
      help: 'The user whose consumers they are. Default: the one who asks.',
    },
    {
      name: 'reset',
      value: '<place>',
      help: 'Where its next stream begins: now, earliest, a duration back such as 7d, or a cursor.',
    },
    { name: 'delete', help: 'Forget the consumer.' },
    ...hubOptions,
  ],
  examples: [
    'tidemark consumers --header "$ADA"',
    'tidemark consumers phone --reset 7d --header "$ADA"',
    'tidemark consumers phone --delete --user ada --header "$ADMIN"',
  ],
  run,
}

async function run(line: CommandLine): Promise<ExitCode> {
  await printJson(await askJson(line, readAsked(line)))
  return exitCodes.done
}

function readAsked(line: CommandLine): Asked {
  const [name, extra] = line.positionals
  const user = lastValue(line, 'user')
  const place = lastValue(line, 'reset')
  const isDeletion = line.values.has('delete')
  const query = user === undefined ? '' : `?user=${encodeURIComponent(user)}`
  if (extra !== undefined) {
    throw new CliError(
      'ARGUMENT_INVALID',
      `consumers takes one name, such as phone; got ${quote(extra)} as well. See tidemark consumers --help.`,
    )
  }
  const isChange = place !== undefined || isDeletion
  if ((place !== undefined && isDeletion) || isChange !== (name !== undefined)) {
    throw new CliError(
      'ARGUMENT_INVALID',
      'A name goes with --reset or with --delete, and each of them with a name. See tidemark consumers --help.',
    )
  }
  const path = name === undefined ? 'consumers' : `consumers/${encodeURIComponent(name)}`
  if (isDeletion) return { path: path + query, method: 'DELETE' }
  if (place === undefined) return { path: path + query }
  const isSince = /^(?:now|earliest|\d+(?:ms|s|m|h|d))$/.test(place)
  const body = JSON.stringify(isSince ? { since: place } : { cursor: place })
  return { path: path + query, method: 'PUT', body }
}
