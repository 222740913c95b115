// A record as one JSON text, for clients that want topic and type inside the data.

import type { EventRecord } from '@tidemark/log'

/**
 * `{"topic":…,"type":…,"key":…,"time":…,"data":…}`; `key` only where the event has one. `data` is the payload's
 * own JSON where the payload is JSON, else the payload as a JSON string. The payload is checked, not rewritten:
 * its numbers and spelling stay as published.
 */
export function toEnvelope(record: EventRecord): string {
  const key = record.key === undefined ? '' : `,"key":${JSON.stringify(record.key)}`
  const data = isJson(record.data) ? record.data : JSON.stringify(record.data)
  return `{"topic":${JSON.stringify(record.topic)},"type":${JSON.stringify(record.type)}${key},"time":${record.time},"data":${data}}`
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
