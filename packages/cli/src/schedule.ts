// `tidemark schedule`: an event that a running hub publishes later; those that wait, and their end.

import { quote } from '@tidemark/wire/values'
import { askJson } from './ask-json.ts'
import type { Asked } from './ask-json.ts'
import type { CommandBody, CommandLine } from './command.ts'
import { lastValue } from './command.ts'
import { CliError } from './errors.ts'
import { escapeControls } from './escape-controls.ts'
import { eventOptions, readEvent } from './event-options.ts'
import { exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { hubOptions } from './hub-options.ts'
import { scheduledPagesMax } from './limits.ts'
import { print } from './output.ts'
import { printJson } from './print-json.ts'
import { readInput } from './read-input.ts'

/** Schedules, lists, shows and cancels. */
export const schedule: CommandBody = {
  usage: '[topic] [text] [--delay <duration> | --at <moment>] [options]',
  description: `Has the text, or all of standard input, published later as one event, and prints its id and its moment as JSON. The hub
publishes it once, over restarts. With --list it prints the events that wait, one JSON object per line, the next one
first. With --show or --cancel and an id it shows one with its data, or sees to it that it is not published.

A user sees and cancels events of their own. Those of others take the permission admin.`,
  options: [
    { name: 'delay', value: '<duration>', help: 'So long from now, such as 90s or 2h.' },
    {
      name: 'at',
      value: '<moment>',
      help: 'A date with its zone, such as 2026-12-24T18:00:00Z, or milliseconds since 1970.',
    },
    { name: 'list', help: 'Print the events that wait.' },
    { name: 'show', value: '<id>', help: 'Print one of them, with its data.' },
    { name: 'cancel', value: '<id>', help: 'Do not publish it.' },
    ...eventOptions,
    ...hubOptions,
  ],
  examples: [
    "tidemark schedule reminders 'Call Ada' --delay 1h",
    "tidemark schedule news 'We are open' --at 2026-12-24T18:00:00Z",
    'tidemark schedule --list | jq -r \'select(.topic == "reminders").id\'',
    'tidemark schedule --cancel 3kTq0cB7m2XhVn5wLr8AzQ',
  ],
  run,
}

const acts = ['list', 'show', 'cancel'] as const

async function run(line: CommandLine): Promise<ExitCode> {
  const [act, other] = acts.filter((name) => line.values.has(name))
  if (act === undefined) await add(line)
  else {
    const [extra] = line.positionals
    const moment = ['delay', 'at'].find((name) => line.values.has(name))
    const surplus = other ?? moment
    if (extra !== undefined || surplus !== undefined) {
      throw new CliError(
        'ARGUMENT_INVALID',
        `--${act} goes alone; got ${extra === undefined ? `--${surplus}` : quote(extra)} as well. See tidemark schedule --help.`,
      )
    }
    if (act === 'list') await printAll(line)
    else await printJson((await askJson(line, readAsked(line, act))) ?? { cancelled: true })
  }
  return exitCodes.done
}

function readAsked(line: CommandLine, act: 'cancel' | 'show'): Asked {
  const path = `scheduled/${encodeURIComponent(lastValue(line, act) ?? '')}`
  return { path, method: act === 'show' ? 'GET' : 'DELETE' }
}

async function add(line: CommandLine): Promise<void> {
  const [topic, text, extra] = line.positionals
  const [delay, at] = [lastValue(line, 'delay'), lastValue(line, 'at')]
  if (topic === undefined || extra !== undefined) {
    throw new CliError(
      'ARGUMENT_INVALID',
      `schedule takes a topic and a text, such as tidemark schedule reminders 'Call Ada' --delay 1h; got ${quote(line.positionals.join(' '))}.`,
    )
  }
  if ((delay === undefined) === (at === undefined)) {
    throw new CliError(
      'OPTION_INVALID',
      'schedule needs to know when: --delay 1h, or --at 2026-12-24T18:00:00Z, one of the two.',
    )
  }
  const query = new URLSearchParams(delay === undefined ? { at: at ?? '' } : { delay })
  const body = JSON.stringify({ ...readEvent(line, topic), data: text ?? (await readInput()) })
  await printJson(
    await askJson(line, { path: `publish?${query.toString()}`, method: 'POST', body }),
  )
}

interface Page {
  readonly scheduled: readonly unknown[]
  readonly next?: string
}

async function printAll(line: CommandLine): Promise<void> {
  let after = ''
  for (let pages = 0; pages < scheduledPagesMax; pages++) {
    const { scheduled, next } = await askPage(line, `scheduled?limit=1000${after}`)
    const lines = scheduled.map((event) => `${escapeControls(JSON.stringify(event))}\n`)
    await print(lines.join(''))
    if (next === undefined) return
    after = `&after=${encodeURIComponent(next)}`
  }
}

async function askPage(line: CommandLine, path: string): Promise<Page> {
  const answer = (await askJson(line, { path })) as Partial<Page> | undefined
  if (Array.isArray(answer?.scheduled)) return answer as Page
  throw new CliError(
    'HUB_ANSWER_INVALID',
    'The answer is not that of a hub that publishes events later. Look at the URL, and at the version of the hub.',
  )
}
