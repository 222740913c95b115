// The JSON form of an event to publish: `{topic, type?, data, key?, tags?, permission?, ttl?}`.
// It comes alone, in an array, or one per line.

import { batchEventsMax } from '@tidemark/log'
import { ServerError } from '@tidemark/server'
import type { SendEvent, TopicInput } from '@tidemark/server'
import { nearestName, quote, quoteValue } from '@tidemark/wire/values'
import { parseDuration } from './config/units.ts'
import { parseJson } from './parse-json.ts'
import { findRawMember, skipValue, skipWhitespace } from './raw-json.ts'

const memberNames = ['topic', 'type', 'data', 'key', 'tags', 'permission', 'ttl']
const linesMediaType = /^application\/(?:x-)?(?:ndjson|jsonl?-?lines?|jsonl)$/

/** The part of a body that is one event, not yet parsed. */
interface Part {
  readonly json: string
  /** For messages: `Line 3`. */
  readonly where: string
}

/**
 * Reads the body of `POST /publish`. Newline-delimited JSON is told by its media type, or by a line
 * break behind the first event. Parts are parsed one by one, so that a body of too many events costs no
 * more than the events it may have.
 * @throws ServerError `BODY_NOT_JSON`, `EVENT_INVALID`, `BATCH_INVALID`; they name the line or the
 * place in the array
 */
export function parseEventInputs(body: string, mediaType: string): readonly TopicInput[] {
  const text = body.startsWith('\uFEFF') ? body.slice(1) : body
  if (linesMediaType.test(mediaType)) return readEvents(cutLines(text))
  if (text[skipWhitespace(text, 0)] === '[') return readEvents(cutElements(text))
  if (mediaType !== 'application/json' && isLines(text)) return readEvents(cutLines(text))
  return [readEvent({ json: text, where: 'The event' })]
}

function isLines(text: string): boolean {
  const end = skipValue(text, skipWhitespace(text, 0))
  const next = skipWhitespace(text, end)
  return next < text.length && text.slice(end, next).includes('\n')
}

function* cutLines(text: string): Generator<Part> {
  let line = 1
  for (let at = 0; at < text.length;) {
    const start = skipWhitespace(text, at)
    line += countLineBreaks(text, at, start)
    if (start === text.length) return
    const lineBreak = text.indexOf('\n', start)
    at = lineBreak === -1 ? text.length : lineBreak
    yield { json: text.slice(start, at), where: `Line ${line}` }
  }
}

function countLineBreaks(text: string, from: number, to: number): number {
  let count = 0
  for (let at = from; at < to; at++) if (text[at] === '\n') count++
  return count
}

function* cutElements(text: string): Generator<Part> {
  let at = skipWhitespace(text, text.indexOf('[') + 1)
  let isLast = text[at] === ']'
  for (let index = 0; !isLast; index++) {
    const end = skipValue(text, at)
    yield { json: text.slice(at, end), where: `The event at index ${index}` }
    at = skipWhitespace(text, end)
    isLast = text[at] === ']'
    if (!isLast && text[at] !== ',') throw notArray(`the event at index ${index}`, text, at)
    if (!isLast) at = skipWhitespace(text, at + 1)
  }
  const rest = skipWhitespace(text, at + 1)
  if (rest < text.length) throw notArray('the end of the array', text, rest)
}

function notArray(behind: string, text: string, at: number): ServerError {
  const got = at < text.length ? quote(text.slice(at, at + 10)) : 'the end of the body'
  return new ServerError(
    'BODY_NOT_JSON',
    `The body is not JSON: behind ${behind} comes ${got}. Nothing was published.`,
  )
}

function readEvents(parts: Iterable<Part>): readonly TopicInput[] {
  const inputs: TopicInput[] = []
  for (const part of parts) {
    if (inputs.length === batchEventsMax) {
      throw new ServerError(
        'BATCH_INVALID',
        `A publish holds 1 to ${batchEventsMax} events; got more. Split it into several requests.`,
      )
    }
    inputs.push(readEvent(part))
  }
  return inputs
}

function readEvent(part: Part): TopicInput {
  const members = readObject(part, memberNames)
  const input = readInput(members, part)
  return { ...input, topic: input.topic ?? '' }
}

/**
 * Reads the body of `POST /send`: an event, and beside its members `to`, which the node checks.
 * @throws ServerError `BODY_NOT_JSON`, `EVENT_INVALID`
 */
export function parseSendInput(body: string): {
  readonly to: unknown
  readonly event: SendEvent
} {
  const part = { json: body.startsWith('\uFEFF') ? body.slice(1) : body, where: 'The event' }
  const members = readObject(part, [...memberNames, 'to'])
  return { to: members.get('to'), event: readInput(members, part) }
}

function readObject({ json, where }: Part, names: readonly string[]): Members {
  const value = parseJson(json, where)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(
      where,
      `must be an object such as {"topic":"orders/42","data":"paid"}; got ${quoteValue(value)}`,
    )
  }
  const members = new Map<string, unknown>(Object.entries(value))
  for (const name of members.keys()) {
    if (names.includes(name)) continue
    const nearest = nearestName(name, names)
    throw invalid(
      where,
      `has an unknown member ${quote(name)}; ${nearest === undefined ? `known are ${names.join(', ')}` : `did you mean ${nearest}?`}`,
    )
  }
  if (!members.has('data')) throw invalid(where, 'has no data; give it text or any JSON value')
  return members
}

function readInput(members: Members, { json, where }: Part): SendEvent {
  const topic = readText(members, 'topic', where)
  return {
    ...(topic === undefined ? {} : { topic }),
    type: readText(members, 'type', where),
    key: readText(members, 'key', where),
    // The node checks what is in them.
    tags: members.get('tags') as TopicInput['tags'],
    ttlMs: readTtl(members.get('ttl')),
    permission: members.get('permission') as TopicInput['permission'],
    data: readData(members.get('data'), json),
  }
}

type Members = ReadonlyMap<string, unknown>

/**
 * Milliseconds, as a number or as text such as `30s` or `500`. The node says of anything else what is wrong
 * with it.
 */
export function readTtl(value: unknown): number | undefined {
  if (typeof value !== 'string') return value as number | undefined
  const ms = /^\d{1,15}$/.test(value) ? Number(value) : parseDuration(value)
  return ms ?? (value as unknown as number)
}

/** Text is published as the text it stands for, any other value as it is written in the body. */
function readData(value: unknown, json: string): string {
  if (typeof value === 'string') return value
  // A copy: a slice would keep the whole body in memory for as long as the event is kept.
  return Buffer.from(findRawMember(json, 'data') ?? '').toString()
}

function readText(members: Members, name: string, where: string): string | undefined {
  const value = members.get(name)
  if (value === undefined || typeof value === 'string') return value
  throw invalid(where, `needs text as ${name}; got ${quoteValue(value)}`)
}

function invalid(where: string, fault: string): ServerError {
  return new ServerError('EVENT_INVALID', `${where} ${fault}. Nothing was published.`)
}
