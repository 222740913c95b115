// `tidemark presence`: who is in a topic of a running hub.

import { quote } from '@tidemark/wire/values'
import { askJson } from './ask-json.ts'
import type { CommandBody, CommandLine } from './command.ts'
import { CliError } from './errors.ts'
import { escapeControls } from './escape-controls.ts'
import { exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { hubOptions } from './hub-options.ts'
import { presencePagesMax } from './limits.ts'
import { print } from './output.ts'

/** Shows who is in a topic. */
export const presence: CommandBody = {
  usage: '<topic> [options]',
  description: `Prints who is in a topic: a line for each user, with the number of sessions and the facts that the user shows. The last line
counts all sessions of the topic, those of nobody in particular too.

The hub keeps this where a rule of the kind presence matches the topic. It asks for the permission to read the topic.`,
  options: [
    { name: 'json', help: 'One JSON object per line, and the counts as the last of them.' },
    ...hubOptions,
  ],
  examples: [
    'tidemark presence rooms/7',
    "tidemark presence rooms/7 --json | jq -r 'select(.user).user'",
    `echo '[{"pattern":"rooms/*","joins":true}]' | tidemark rules presence --set -`,
  ],
  run,
}

/** The part of an answer that is printed. */
interface Page {
  readonly sessions: number
  readonly users: readonly {
    readonly user: string
    readonly sessions: number
    readonly data?: unknown
  }[]
  readonly isWhole: boolean
  readonly next?: string
}

async function run(line: CommandLine): Promise<ExitCode> {
  const [topic, extra] = line.positionals
  if (topic === undefined || extra !== undefined) {
    throw new CliError(
      'ARGUMENT_INVALID',
      `presence takes one topic, such as rooms/7${extra === undefined ? '' : `; got ${quote(extra)} as well`}. See tidemark presence --help.`,
    )
  }
  const isJson = line.values.has('json')
  const path = `presence/${topic.split('/').map(encodeURIComponent).join('/')}?limit=1000`
  let page = await ask(line, path)
  await printUsers(page, isJson)
  for (let pages = 1; page.next !== undefined && pages < presencePagesMax; pages++) {
    page = await ask(line, `${path}&after=${encodeURIComponent(page.next)}`)
    await printUsers(page, isJson)
  }
  const { sessions, isWhole } = page
  if (isJson) await print(`${JSON.stringify({ sessions, isWhole })}\n`)
  else
    await print(
      `${sessions} ${sessions === 1 ? 'session' : 'sessions'}${isWhole ? '' : ' at least'}\n`,
    )
  return exitCodes.done
}

async function ask(line: CommandLine, path: string): Promise<Page> {
  const answer = await askJson(line, { path })
  const { users, sessions } = answer as Partial<Page>
  if (Array.isArray(users) && typeof sessions === 'number') return answer as Page
  throw new CliError(
    'HUB_ANSWER_INVALID',
    'The answer is not that of a hub that keeps presence. Look at the URL, and at the version of the hub.',
  )
}

async function printUsers({ users }: Page, isJson: boolean): Promise<void> {
  const lines = users.map((user) => {
    if (isJson) return escapeControls(JSON.stringify(user))
    const facts = user.data === undefined ? [] : [JSON.stringify(user.data)]
    return [user.user, `${user.sessions}`, ...facts].map(escapeControls).join('\t')
  })
  await print(lines.map((text) => `${text}\n`).join(''))
}
