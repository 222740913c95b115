// A record as one JSON text, for clients that want topic and type inside the data.

import type { EventRecord, EventTags } from '@tidemark/log'

/**
 * An event as a stream shows it. Of a record every member is there but the key; an event of one session may
 * have no topic.
 */
export type OwnEvent = Pick<EventRecord, 'type' | 'data' | 'time'> & {
  readonly topic?: string | undefined
  readonly key?: string | undefined
  readonly tags?: EventTags
  readonly expiresAt?: number
  /** Not shown: all that get the event have it. */
  readonly permission?: string | undefined
}

/**
 * `{"topic":…,"type":…,"key":…,"tags":…,"time":…,"expiresAt":…,"data":…}`; `topic`, `key`, `tags` and
 * `expiresAt` only where the event has some. `data` is the payload's own JSON where the payload is JSON,
 * else the payload as a JSON string. The payload is checked, not rewritten: its numbers and spelling stay as
 * published.
 */
export function toEnvelope(event: OwnEvent): string {
  const topic = event.topic === undefined ? '' : `"topic":${JSON.stringify(event.topic)},`
  const key = event.key === undefined ? '' : `,"key":${JSON.stringify(event.key)}`
  const tags = event.tags === undefined ? '' : `,"tags":${JSON.stringify(event.tags)}`
  const end = event.expiresAt === undefined ? '' : `,"expiresAt":${event.expiresAt}`
  const data = isJson(event.data) ? event.data : JSON.stringify(event.data)
  return `{${topic}"type":${JSON.stringify(event.type)}${key}${tags},"time":${event.time}${end},"data":${data}}`
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
