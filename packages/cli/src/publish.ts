// `tidemark publish`: one event, or one per line of standard input.

import { randomUUID } from 'node:crypto'
import process from 'node:process'
import { createPublisher } from '@tidemark/client'
import { quote } from '@tidemark/wire/values'
import type { TopicInput } from '@tidemark/client'
import type { CommandBody, CommandLine } from './command.ts'
import { lastValue } from './command.ts'
import { CliError } from './errors.ts'
import { eventOptions, readEvent } from './event-options.ts'
import { exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { hubOptions, readHubAddress } from './hub-options.ts'
import { retryWaits, singleAttemptsMax } from './limits.ts'
import { LineBatches } from './line-batches.ts'
import { print, remark } from './output.ts'
import { publishLines } from './publish-lines.ts'
import { readInput } from './read-input.ts'
import { onSignals } from './signals.ts'
import { createTellingFetch } from './tell-failures.ts'

/** Publishes. */
export const publish: CommandBody = {
  usage: '<topic> [text] [options]',
  description: `Publishes the text, or all of standard input, as one event, and prints its cursor once the hub has it.

With --lines, every line of standard input becomes an event as soon as it is there. Each request is repeated,
with the same idempotency key, until the hub acknowledges it: a hub that is restarted or away for a while costs
time, but no line is lost or doubled. A line that is not UTF-8, or larger than the hub takes (1 MiB unless configured), ends it with 65, after the
lines before. Ctrl-C stops reading and publishes what was read; a second one drops that.`,
  options: [
    { name: 'lines', help: 'One event per line of standard input.' },
    ...eventOptions,
    {
      name: 'if-head',
      value: '<cursor>',
      help: 'Publish only if the topic has no event behind this cursor. Not with --lines.',
    },
    ...hubOptions,
  ],
  examples: [
    "tidemark publish orders/42 'paid'",
    'tidemark publish orders/42 --type paid \'{"total": 12}\'',
    'date | tidemark publish clock',
    'tail -F /var/log/nginx/access.log | tidemark publish --lines logs/access',
  ],
  run,
}

async function run(line: CommandLine): Promise<ExitCode> {
  const [topic, text, extra] = line.positionals
  const isLines = line.values.has('lines')
  if (topic === undefined) {
    throw new CliError(
      'ARGUMENT_INVALID',
      "publish needs a topic, such as tidemark publish orders/42 'paid'.",
    )
  }
  const surplus = isLines ? text : extra
  if (surplus !== undefined) {
    const hint = isLines
      ? 'With --lines the text comes from standard input'
      : 'Put quotes around text with spaces'
    throw new CliError(
      'ARGUMENT_INVALID',
      `publish has an argument too many: ${quote(surplus)}. ${hint}.`,
    )
  }
  const event = readEvent(line, topic)
  if (isLines && line.values.has('if-head')) {
    throw new CliError(
      'OPTION_INVALID',
      '--if-head says where a topic is before one event; with --lines there are many. Leave one of them out.',
    )
  }
  return isLines
    ? runLines(line, event)
    : runSingle(line, { ...event, data: text ?? (await readInput()) })
}

async function runSingle(line: CommandLine, event: TopicInput): Promise<ExitCode> {
  const { urlOf, headers } = readHubAddress(line)
  const retry = { ...retryWaits, attemptsMax: singleAttemptsMax }
  const publisher = createPublisher(urlOf('publish'), { headers, retry })
  const ifHead = lastValue(line, 'if-head')
  const { cursor } = await publisher.publishAll([event], { ifHead })
  await print(`${cursor}\n`)
  return exitCodes.done
}

async function runLines(line: CommandLine, event: Omit<TopicInput, 'data'>): Promise<ExitCode> {
  const { urlOf, headers } = readHubAddress(line)
  const publisher = createPublisher(urlOf('publish'), {
    headers,
    retry: retryWaits,
    fetch: createTellingFetch(),
  })
  const batches = new LineBatches(process.stdin)
  let published = 0
  onSignals({
    onStop() {
      batches.stop()
      if (batches.waiting > 0) remark('publishing what was read; a second signal drops it.')
    },
    onAgain(exitCode) {
      remark(
        `stopped; the hub acknowledged ${published} lines, what was read after them is dropped.`,
      )
      process.exit(exitCode)
    },
  })
  await publishLines({
    batches,
    publisher,
    event,
    runId: randomUUID(),
    onProgress(lines) {
      published = lines
    },
  })
  if (process.stderr.isTTY) remark(`${published} ${published === 1 ? 'line' : 'lines'} published.`)
  return exitCodes.done
}
