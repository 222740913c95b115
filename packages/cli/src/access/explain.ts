// `tidemark explain`: why a token may do something here, or why a session did not get an event.

import { systemClock } from '@tidemark/client'
import { explainHub } from '@tidemark/hub'
import type { Explanation, HubQuestion } from '@tidemark/hub'
import { quote } from '@tidemark/wire/values'
import type { CommandBody, CommandLine } from '../command.ts'
import { lastValue } from '../command.ts'
import { CliError } from '../errors.ts'
import { escapeControls } from '../escape-controls.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { headerOption } from '../hub-options.ts'
import { print } from '../output.ts'
import { accessOptions, hasColours, loadAccessConfig } from './access-options.ts'
import { askHub } from './ask-hub.ts'
import { explainEvent } from './explain-event.ts'
import { readToken } from './read-token.ts'
import { renderExplanation } from './render-explanation.ts'

const helps = {
  subscribe: 'A topic or pattern that the request would subscribe to.',
  publish: 'A topic that the request would publish to.',
  read: 'A topic whose history the request would read.',
} as const

/** Explains. */
export const explain: CommandBody = {
  usage: '[--token <token>] [--subscribe <topic>]… [options]',
  description: `Prints every check that a hub makes of a request, in order: passed or not, and what to do about it. The checks are those of
the settings that a hub started here would have, or, with --hub, of a running hub, which knows what has been revoked. A running
hub explains to those with the permission admin (--header 'Authorization: Bearer …').

Ends with 0 where the request may do all of it, with 77 where not.

With --event and --session it asks a running hub why the session got that event or did not, also when it has
closed lately, and on whichever process it was. The hub is that of --hub, else of TIDEMARK_URL.`,
  options: [
    {
      name: 'token',
      value: '<token>',
      help: 'The token to explain; - reads it from standard input. Without it: a visitor who has none.',
    },
    {
      name: 'topic-token',
      value: '<token>',
      isRepeatable: true,
      help: 'A topic token that the request brings along. May be repeated. Not with --hub.',
    },
    ...(['subscribe', 'publish', 'read'] as const).map((name) => ({
      name,
      value: name === 'subscribe' ? '<pattern>' : '<topic>',
      isRepeatable: true,
      help: `${helps[name]} May be repeated.`,
    })),
    {
      name: 'permission',
      value: '<name>',
      isRepeatable: true,
      help: 'A permission that the request would need, such as admin. May be repeated.',
    },
    {
      name: 'event',
      value: '<cursor>',
      help: 'The cursor of an event: its id. With --session only.',
    },
    {
      name: 'session',
      value: '<id>',
      help: 'A session, as tidemark.ready says it. With --event only.',
    },
    { name: 'hub', value: '<url>', help: 'Ask this running hub, in place of the settings here.' },
    { ...headerOption, help: `${headerOption.help} With --hub only.` },
    { name: 'json', help: 'One JSON object: isAllowed, checks, grant.' },
    ...accessOptions,
  ],
  examples: [
    'tidemark explain --token "$TOKEN" --subscribe orders/42',
    "tidemark explain --subscribe 'public/*'               # a visitor without a token",
    'tidemark token --sub ada | tidemark explain --token - --subscribe users/ada/inbox',
    'tidemark explain --hub https://hub.example.org --token "$TOKEN" --header "$ADMIN"',
    'tidemark explain --event 1mjve7pc0c0rd6hy0000-1z --session 4f2k.Jm…',
  ],
  run,
}

async function run(line: CommandLine): Promise<ExitCode> {
  const [extra] = line.positionals
  if (extra !== undefined) {
    throw new CliError(
      'ARGUMENT_INVALID',
      `explain takes options only, such as --subscribe orders/42; got ${quote(extra)}. See tidemark explain --help.`,
    )
  }
  if (line.values.has('event') || line.values.has('session')) return explainEvent(line)
  const explanation = await explainLine(line)
  const isJson = line.values.has('json')
  await print(
    isJson
      ? `${escapeControls(JSON.stringify(explanation))}\n`
      : renderExplanation(explanation, { hasColours: hasColours(), now: systemClock.now() }),
  )
  return explanation.isAllowed ? exitCodes.done : exitCodes.permission
}

async function explainLine(line: CommandLine): Promise<Explanation> {
  const hub = lastValue(line, 'hub')
  if (hub === undefined && line.values.has('header')) {
    throw new CliError(
      'OPTION_INVALID',
      '--header is sent to the hub of --hub. Give both, or neither.',
    )
  }
  if (hub !== undefined && line.values.has('topic-token')) {
    throw new CliError(
      'OPTION_INVALID',
      '--topic-token is explained by the settings here. Leave --hub out.',
    )
  }
  const config = hub === undefined ? loadAccessConfig('explain', line) : undefined
  const given = lastValue(line, 'token')
  const question: HubQuestion = {
    token: given === undefined ? undefined : await readToken(given),
    topicTokens: line.values.get('topic-token'),
    subscribe: line.values.get('subscribe'),
    publish: line.values.get('publish'),
    read: line.values.get('read'),
    permissions: line.values.get('permission'),
  }
  return config === undefined ? askHub(hub ?? '', question, line) : explainHub(config, question)
}
