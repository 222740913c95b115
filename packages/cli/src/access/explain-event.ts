// `tidemark explain --event … --session …`: why a session got an event, or did not.

import { systemClock } from '@tidemark/client'
import { askJson } from '../ask-json.ts'
import type { CommandLine } from '../command.ts'
import { lastValue } from '../command.ts'
import { CliError } from '../errors.ts'
import { escapeControls } from '../escape-controls.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { print } from '../output.ts'
import { describeTime, renderRows } from './render-explanation.ts'

/** The options that go together. */
const known = ['event', 'session', 'hub', 'header', 'json']

/** The part of a hub's answer that is shown. */
interface Answer {
  readonly verdict: string
  readonly why: string
  readonly matched?: unknown
  readonly by?: unknown
  readonly cursor?: unknown
  readonly between?: unknown
  readonly record?: unknown
  readonly openedAt?: unknown
  readonly closed?: unknown
}

/**
 * Asks the hub, and prints its answer.
 * @throws CliError `OPTION_INVALID`, and as `askJson`
 */
export async function explainEvent(line: CommandLine): Promise<ExitCode> {
  const [event, session] = [lastValue(line, 'event'), lastValue(line, 'session')]
  if (event === undefined || session === undefined) {
    throw new CliError('OPTION_INVALID', '--event and --session go together. Give both.')
  }
  const other = [...line.values.keys()].find((name) => !known.includes(name))
  if (other !== undefined) {
    throw new CliError('OPTION_INVALID', `--${other} does not go with --event. Leave it out.`)
  }
  const path = `admin/trace?${new URLSearchParams({ event, session }).toString()}`
  const answer = await askJson(atHub(line), { path })
  const isJson = line.values.has('json')
  await print(isJson ? `${escapeControls(JSON.stringify(answer))}\n` : render(require(answer)))
  return exitCodes.done
}

/** The same line with `--hub` in the place of `--url`. */
function atHub(line: CommandLine): CommandLine {
  const hub = line.values.get('hub')
  return hub === undefined ? line : { ...line, values: new Map([...line.values, ['url', hub]]) }
}

function require(answer: unknown): Answer {
  const { verdict, why } = (typeof answer === 'object' && answer !== null ? answer : {}) as Answer
  if (typeof verdict === 'string' && typeof why === 'string') return answer as Answer
  throw new CliError(
    'HUB_ANSWER_INVALID',
    'The answer is no trace. Look at the version of the hub.',
  )
}

function render({ verdict, why, ...rest }: Answer): string {
  const { matched, by, cursor, openedAt } = rest
  const record = membersOf(rest.record)
  const closed = membersOf(rest.closed)
  const topic = typeof record['topic'] === 'string' ? record['topic'] : undefined
  const details = ['type', 'key'].flatMap((name) =>
    typeof record[name] === 'string' ? [`${name} ${record[name]}`] : [],
  )
  const rows: (readonly [string, string | undefined])[] = [
    ['verdict', verdict],
    ['event', topic && [topic, ...details, tell(record['time'])].join(', ')],
    ['matched by', text(matched)],
    ['written', tellBetween(rest.between)],
    ['in its place', text(by)],
    ['session at', text(cursor)],
    ['opened', tell(openedAt)],
    [
      'closed',
      closed['time'] === undefined
        ? undefined
        : `${text(closed['reason'])}, ${tell(closed['time'])}`,
    ],
  ]
  const shown = rows.flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
  return `${renderRows(shown)}\n${escapeControls(why)}\n`
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function tell(time: unknown): string | undefined {
  return typeof time === 'number' ? describeTime(time, systemClock.now()) : undefined
}

function tellBetween(between: unknown): string | undefined {
  const [from, to]: readonly unknown[] = Array.isArray(between) ? between : []
  return from === to ? tell(from) : `between ${tell(from)} and ${tell(to)}`
}
