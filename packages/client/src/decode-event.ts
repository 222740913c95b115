// From an event on the wire to the event a caller gets.

import type { DecodedEvent } from '@tidemark/wire'
import type { FeedEvent } from './feed.ts'

/**
 * An event that waits. Its data stays text: as values small arrays take 16 times as much memory, which
 * nobody has asked for yet.
 */
export type WaitingEvent = Omit<FeedEvent, 'data'>

/**
 * `text` is the data, opened if it was compressed. `topic` stands in where the server sends no `topic` line:
 * it does not for a single exact topic.
 */
export function readEvent(
  { id, type, fields }: DecodedEvent,
  text: string,
  topic: string,
): WaitingEvent {
  const key = fields?.get('key')
  const time = fields?.get('time')
  const tags = readTags(fields?.get('tags'))
  return {
    topic: fields?.get('topic') ?? topic,
    type,
    text,
    id,
    ...(key === undefined ? {} : { key }),
    ...(tags === undefined ? {} : { tags }),
    ...(time !== undefined && /^\d{1,15}$/.test(time) ? { time: Number(time) } : {}),
  }
}

/** A map of texts in a line of JSON; anything else is not for this client. */
function readTags(text: string | undefined): FeedEvent['tags'] {
  const tags: unknown = text === undefined ? undefined : decodeData(text)
  const isMap = typeof tags === 'object' && tags !== null && !Array.isArray(tags)
  if (!isMap || !Object.values(tags).every((value) => typeof value === 'string')) return undefined
  return tags as Readonly<Record<string, string>>
}

/** The event as a caller gets it. */
export function decodeEvent({ topic, type, ...rest }: WaitingEvent): FeedEvent {
  return { topic, type, data: decodeData(rest.text), ...rest }
}

/** The value when the text is JSON, otherwise the text. */
export function decodeData(text: string): unknown {
  // A thrown SyntaxError costs some 5 µs; most texts that are not JSON show it in their first character.
  if (!/^[\s]*[[{"\-\dtfn]/.test(text)) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
