// `tidemark send`: one event to whoever is meant.

import { quote } from '@tidemark/wire/values'
import { askJson } from './ask-json.ts'
import type { CommandBody, CommandLine } from './command.ts'
import { lastValue } from './command.ts'
import { CliError } from './errors.ts'
import { escapeControls } from './escape-controls.ts'
import { exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { hubOptions } from './hub-options.ts'
import { print } from './output.ts'
import { readInput } from './read-input.ts'

/** Sends. */
export const send: CommandBody = {
  usage: '[text] <to whom> [options]',
  description: `Sends the text, or all of standard input, as one event, and prints the answer of the hub as JSON.

What goes to a user or a topic is stored, so that a user who is away gets it later. Anything else is written
to the sessions that are open now, on every node of the hub: to one session (--session), or to all that
--label, --pattern, --everyone and --permission say, which takes the permission admin.`,
  options: [
    { name: 'user', value: '<user>', isRepeatable: true, help: 'A user. May be repeated.' },
    { name: 'topic', value: '<topic>', help: 'A topic, as with publish.' },
    { name: 'session', value: '<id>', help: 'A session, as tidemark.ready says it.' },
    { name: 'label', value: '<label>', help: 'The sessions whose clients gave them this label.' },
    {
      name: 'pattern',
      value: '<pattern>',
      help: 'The sessions that follow a topic which the pattern matches.',
    },
    { name: 'everyone', help: 'All sessions.' },
    {
      name: 'permission',
      value: '<name>',
      help: 'The sessions whose grant has this permission: all, or those of a label or pattern.',
    },
    {
      name: 'as',
      value: '<topic>',
      help: 'The topic of the event. For users it stands below users/<user>/.',
      default: 'inbox for users, else none',
    },
    { name: 'type', value: '<type>', help: 'Type of the event.', default: 'message' },
    { name: 'key', value: '<key>', help: 'The thing the event is about.' },
    ...hubOptions,
  ],
  examples: [
    "tidemark send 'your order is ready' --user ada",
    "tidemark send 'reload' --label kitchen-screen --type command",
    'tidemark send \'maintenance at noon\' --everyone --header "$ADMIN"',
    "tidemark send '{\"level\":3}' --permission staff --pattern 'shop/**'",
  ],
  run,
}

async function run(line: CommandLine): Promise<ExitCode> {
  const [text, extra] = line.positionals
  if (extra !== undefined) {
    throw new CliError(
      'ARGUMENT_INVALID',
      `send has an argument too many: ${quote(extra)}. Put quotes around text with spaces.`,
    )
  }
  const to = readTarget(line)
  const topic = lastValue(line, 'as')
  const event = { topic, type: lastValue(line, 'type'), key: lastValue(line, 'key') }
  const data = text ?? (await readInput())
  const body = JSON.stringify({ to, ...event, data })
  const answer = await askJson(line, { path: 'send', method: 'POST', body })
  await print(`${escapeControls(JSON.stringify(answer))}\n`)
  return exitCodes.done
}

/** The hub says what does not go together. */
function readTarget(line: CommandLine): Readonly<Record<string, unknown>> {
  const { values } = line
  const target = [
    ['users', values.get('user')],
    ...['topic', 'session', 'label', 'pattern', 'permission'].map((name) => [
      name,
      lastValue(line, name),
    ]),
    ['everyone', values.has('everyone') || undefined],
  ].filter(([, value]) => value !== undefined)
  if (target.length > 0) return Object.fromEntries(target) as Readonly<Record<string, unknown>>
  throw new CliError(
    'OPTION_INVALID',
    'send needs to know to whom: --user, --topic, --session, --label, --pattern, --everyone or --permission.',
  )
}
