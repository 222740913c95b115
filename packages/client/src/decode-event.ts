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
  return {
    topic: fields?.get('topic') ?? topic,
    type,
    text,
    id,
    ...(key === undefined ? {} : { key }),
    ...(time !== undefined && /^\d{1,15}$/.test(time) ? { time: Number(time) } : {}),
  }
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
