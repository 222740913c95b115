// The parts of an event beside its topic and its data, for the commands that publish one.

import { parseDuration } from '@tidemark/hub'
import { quote } from '@tidemark/wire/values'
import type { TopicInput } from '@tidemark/client'
import type { CommandBody, CommandLine } from './command.ts'
import { lastValue } from './command.ts'
import { CliError } from './errors.ts'

/** The options of an event. */
export const eventOptions: CommandBody['options'] = [
  { name: 'type', value: '<type>', help: 'Type of the event.', default: 'message' },
  {
    name: 'key',
    value: '<key>',
    help: 'The thing the event is about, for topics that keep the latest per key.',
  },
  {
    name: 'tag',
    value: '<name>:<value>',
    isRepeatable: true,
    help: 'A tag, such as region:eu, by which readers choose events. May be repeated, for other tags.',
  },
  {
    name: 'permission',
    value: '<name>',
    help: 'Only those whose grant has this permission get the event.',
  },
  {
    name: 'ttl',
    value: '<duration>',
    help: 'How long the event is worth something, such as 30s. After that nobody gets it.',
  },
]

/** @throws CliError `OPTION_INVALID` */
export function readEvent(line: CommandLine, topic: string): Omit<TopicInput, 'data'> {
  return {
    topic,
    type: lastValue(line, 'type'),
    key: lastValue(line, 'key'),
    tags: readTags(line.values.get('tag')),
    permission: lastValue(line, 'permission'),
    ttlMs: readTtl(lastValue(line, 'ttl')),
  }
}

function readTags(texts: readonly string[] = []): TopicInput['tags'] {
  if (texts.length === 0) return undefined
  const tags = new Map<string, string>()
  for (const text of texts) {
    const end = text.indexOf(':')
    if (end < 1 || tags.has(text.slice(0, end))) {
      throw new CliError(
        'OPTION_INVALID',
        `--tag takes a name and a value, such as region:eu, and each name once; got ${quote(text)}.`,
      )
    }
    tags.set(text.slice(0, end), text.slice(end + 1))
  }
  return Object.fromEntries(tags)
}

function readTtl(text: string | undefined): number | undefined {
  const ms = text === undefined ? undefined : parseDuration(text)
  if (text === undefined || ms !== undefined) return ms
  throw new CliError(
    'OPTION_INVALID',
    `--ttl takes a duration such as 500ms, 30s, 5m, 2h or 7d; got ${quote(text)}.`,
  )
}
