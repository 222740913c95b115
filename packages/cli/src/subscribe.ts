// `tidemark subscribe`: events as lines, across reconnects, until somebody has enough.

import process from 'node:process'
import { connect } from '@tidemark/client'
import type { Feed } from '@tidemark/client'
import { quote } from '@tidemark/wire/values'
import { readWhole } from './bench/quantities.ts'
import type { CommandBody, CommandLine } from './command.ts'
import { lastValue } from './command.ts'
import { CliError } from './errors.ts'
import { exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { hubOptions, readHubAddress } from './hub-options.ts'
import { eventCharactersRange, hubHeartbeatMs, retryWaits, shownCursorMax } from './limits.ts'
import { print, remark } from './output.ts'
import { renderForPeople, renderForPrograms } from './print-event.ts'
import { onSignals } from './signals.ts'

/** Subscribes. */
export const subscribe: CommandBody = {
  usage: '<topic or pattern>… [options]',
  description: `Prints one line per event: time, topic, type, data. Reconnects by itself and goes on exactly where it was;
if events were lost to retention meanwhile, it says so on standard error.

In a pattern * stands for one segment and a last ** for any number of them. Put patterns in quotes.
Control characters are shown as escapes such as \\n. Colours appear on a terminal only, and never with NO_COLOR.`,
  options: [
    {
      name: 'since',
      value: '<start>',
      help: 'Where to begin: now, earliest, -10 (the last ten), or a duration such as 5m.',
      default: 'now',
    },
    {
      name: 'after',
      value: '<cursor>',
      help: 'Begin right after the event with this cursor, as --json prints it.',
    },
    {
      name: 'types',
      value: '<a,b>',
      isRepeatable: true,
      help: 'Only events of these types; those without a type are of the type message.',
    },
    {
      name: 'keys',
      value: '<a,b>',
      isRepeatable: true,
      help: 'Only events with one of these keys.',
    },
    {
      name: 'where',
      value: '<tag>:<value>',
      isRepeatable: true,
      help: 'Only events with this tag, such as region:eu or region:eu|us. May be repeated, for other tags.',
    },
    { name: 'count', value: '<n>', help: 'End after n events.' },
    {
      name: 'max-event-characters',
      value: '<n>',
      help: 'Characters of the largest event to take, for a hub that is configured for larger ones. Default 16777216 (16 Mi), up to 268435456 (256 Mi).',
    },
    {
      name: 'json',
      help: 'One JSON object per line: cursor, topic, type, key, time (milliseconds since 1970), and data, decoded when it is JSON; text as published where data does not show it exactly.',
    },
    ...hubOptions,
  ],
  examples: [
    "tidemark subscribe 'orders/*'",
    "tidemark subscribe 'logs/**' --since 5m",
    'tidemark subscribe orders --types paid,refunded --where region:eu',
    "tidemark subscribe orders/42 --json --since earliest | jq -r '.data.total'",
    'tidemark subscribe orders/42 --count 1    # wait for the next event',
  ],
  run,
}

async function run(line: CommandLine): Promise<ExitCode> {
  if (line.positionals.length === 0) {
    throw new CliError(
      'ARGUMENT_INVALID',
      "subscribe needs a topic or pattern, such as tidemark subscribe 'orders/*'.",
    )
  }
  const count = parseCount(lastValue(line, 'count'))
  const { urlOf, headers } = readHubAddress(line)
  const url = urlOf('events')
  for (const name of ['types', 'keys', 'where'])
    for (const text of line.values.get(name) ?? []) url.searchParams.append(name, text)
  const feed = connect(url, {
    topics: line.positionals,
    headers,
    since: lastValue(line, 'since'),
    lastEventId: lastValue(line, 'after'),
    eventCharactersMax: line.values.has('max-event-characters')
      ? readWhole(line, 'max-event-characters', eventCharactersRange)
      : undefined,
    heartbeatMs: hubHeartbeatMs,
    retry: retryWaits,
  })
  let exitCode: ExitCode = exitCodes.done
  onSignals({
    onStop(code) {
      exitCode = code
      feed.close()
    },
  })
  tellConnection(feed)
  await printEvents(feed, { count, isJson: line.values.has('json') })
  return exitCode
}

async function printEvents(
  feed: Feed,
  { count, isJson }: { readonly count: number; readonly isJson: boolean },
): Promise<void> {
  const hasColours = process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === ''
  let printed = 0
  for await (const event of feed) {
    // Waiting for standard output here pauses the stream, so a slow reader costs no memory.
    await print(isJson ? renderForPrograms(event) : renderForPeople(event, hasColours))
    printed++
    if (printed >= count) return
  }
}

/**
 * Tells what a person wants to know of the connection: that it is away, that it is back, that something
 * is missing.
 */
function tellConnection(feed: Feed): void {
  let isAway = false
  feed.on('tidemark.gap', ({ from, to, reason }) => {
    remark(
      `gap: events after ${from === '' ? 'an unknown place' : shorten(from)} up to ${to === '' ? 'now' : shorten(to)} may be missing (${reason}).`,
    )
  })
  feed.on('tidemark.state', (state) => {
    if (state.phase === 'waiting' && !isAway) {
      isAway = true
      remark(`${state.error.message} Trying again until it works.`)
    } else if (state.phase === 'open' && isAway) {
      isAway = false
      remark('connected again.')
    }
  })
}

/** A cursor of a hub is shorter; what a stranger gives as an id need not be. */
function shorten(cursor: string): string {
  return cursor.length <= shownCursorMax ? cursor : `${cursor.slice(0, shownCursorMax)}…`
}

function parseCount(text: string | undefined): number {
  if (text === undefined) return Infinity
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new CliError('OPTION_INVALID', `--count must be a whole number from 1; got ${quote(text)}.`)
}
