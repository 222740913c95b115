// The JSON form of an event to publish: `{topic, type?, data, key?}`, alone, in an array, or one per line.

import { ServerError, nearestName } from '@tidemark/server'
import type { TopicInput } from '@tidemark/server'
import { HubError } from './errors.ts'
import { parseJson } from './parse-json.ts'
import { quote, quoteValue } from './quote.ts'

const memberNames = ['topic', 'type', 'data', 'key']

/**
 * Reads the body of `POST /publish`. Newline-delimited JSON is told by its media type, or by the body being several
 * lines that are not one JSON text.
 * @throws HubError `BODY_NOT_JSON`; ServerError `EVENT_INVALID`; both name the line or the place in the array
 */
export function parseEventInputs(body: string, mediaType: string): readonly TopicInput[] {
  const isLines = /^application\/(?:x-)?(?:ndjson|jsonl?-?lines?|jsonl)$/.test(mediaType)
  if (isLines) return parseLines(body)
  try {
    return parseWhole(body)
  } catch (error) {
    const lines = body.split('\n').filter((line) => line.trim() !== '')
    if (error instanceof HubError && mediaType !== 'application/json' && lines.length > 1)
      return parseLines(body)
    throw error
  }
}

function parseWhole(body: string): readonly TopicInput[] {
  const value = parseJson(body)
  if (!Array.isArray(value)) return [checkInput(value, 'The event')]
  return value.map((item: unknown, index) => checkInput(item, `The event at index ${index}`))
}

function parseLines(body: string): readonly TopicInput[] {
  const inputs: TopicInput[] = []
  for (const [index, line] of body.split('\n').entries()) {
    if (line.trim() === '') continue
    const where = `Line ${index + 1}`
    inputs.push(checkInput(parseJson(line, where), where))
  }
  return inputs
}

function checkInput(value: unknown, where: string): TopicInput {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(
      where,
      `must be an object such as {"topic":"orders/42","data":"paid"}; got ${quoteValue(value)}`,
    )
  }
  const members = new Map<string, unknown>(Object.entries(value))
  for (const name of members.keys()) {
    if (memberNames.includes(name)) continue
    const nearest = nearestName(name, memberNames)
    throw invalid(
      where,
      `has an unknown member ${quote(name)}; ${nearest === undefined ? `known are ${memberNames.join(', ')}` : `did you mean ${nearest}?`}`,
    )
  }
  if (!members.has('data')) throw invalid(where, 'has no data; give it text or any JSON value')
  return {
    topic: readText(members, 'topic', where) ?? '',
    type: readText(members, 'type', where),
    key: readText(members, 'key', where),
    data: members.get('data'),
  }
}

function readText(
  members: ReadonlyMap<string, unknown>,
  name: string,
  where: string,
): string | undefined {
  const value = members.get(name)
  if (value === undefined || typeof value === 'string') return value
  throw invalid(where, `needs text as ${name}; got ${quoteValue(value)}`)
}

function invalid(where: string, fault: string): ServerError {
  return new ServerError('EVENT_INVALID', `${where} ${fault}. Nothing was published.`)
}
