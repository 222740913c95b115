// The messages of webhooks, as Standard Webhooks has them: one for each record of the log.

import { formatCursor } from '@tidemark/log'
import type { EventRecord, Loss } from '@tidemark/log'
import { hooksPrefix } from './hub-events.ts'

/** One message, the same at every attempt. */
export interface Message {
  /** `webhook-id`: by it an endpoint knows what it has had. */
  readonly id: string
  /** The cursor of its record. */
  readonly cursor: string
  /** Messages of one topic are delivered one after another. */
  readonly topic: string
  readonly type: string
  readonly body: string
}

/** The message of a record, as a webhook sends it. */
export function toMessage(webhookId: string, record: EventRecord): Message {
  const { topic, position, time } = record
  const cursor = formatCursor(position)
  const isOwn = topic.startsWith(hooksPrefix)
  const type = isOwn ? record.type : 'event'
  const data = isOwn ? record.data : describeEvent(record, cursor)
  return { id: `${webhookId}_${cursor}`, cursor, topic, type, body: join(type, time, data) }
}

/** The message that events are missing which the endpoint should have had. */
export function toLossMessage(
  webhookId: string,
  { from, to, reason }: Loss,
  time: number,
): Message {
  const cursor = formatCursor(to)
  const data = JSON.stringify({ from: formatCursor(from), to: cursor, reason })
  const body = join('lost', time, data)
  return { id: `${webhookId}_lost_${cursor}`, cursor, topic: '', type: 'lost', body }
}

function join(type: string, time: number, data: string): string {
  return `{"type":${JSON.stringify(type)},"timestamp":"${new Date(time).toISOString()}","data":${data}}`
}

/** The payload's own JSON where it is JSON, else its text: as history and envelopes have it. */
function describeEvent({ topic, type, data, key }: EventRecord, cursor: string): string {
  const head = JSON.stringify({ topic, type, key, cursor })
  return `${head.slice(0, -1)},"data":${isJson(data) ? data : JSON.stringify(data)}}`
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
