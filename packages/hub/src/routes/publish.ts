// `POST /topics/{topic}` and `POST /publish`: publish, acknowledged once the log has it, or schedule.

import { ServerError } from '@tidemark/server'
import type { PublishOptions, ScheduleOptions, Tidemark, TopicInput } from '@tidemark/server'
import { describeRequest } from '@tidemark/server/node'
import type { NodeRequest } from '@tidemark/server/node'
import { parseEventInputs, readTtl } from '../event-input.ts'
import { decodeTopicPath } from '../topic-path.ts'
import { readEventQuery } from './event-query.ts'
import { readQuery } from './query.ts'
import { sendJson } from './route.ts'
import type { Route } from './route.ts'

/** Publishes the body as the data of one event. */
export const publishToTopic: Route = async (
  { request, response, parts: path, query },
  { tide, bodies },
) => {
  const topic = decodeTopicPath(path['topic'])
  const { ttl, delay, at, ...parts } = readEventQuery(query, ['ttl', 'delay', 'at'])
  const ttlMs = readTtl(ttl)
  const moment = { delay, at }
  const { status, body } = await bodies.read(request, (data) => {
    const events = [{ ...parts, topic, ttlMs, data }]
    return isLater(moment)
      ? schedule(tide, events, { request, moment })
      : publish(tide, events, request)
  })
  sendJson(response, status, body)
}

/** Publishes the JSON events of the body, all or none. */
export const publishEvents: Route = async ({ request, response, query }, { tide, bodies }) => {
  const moment = readQuery(query, ['delay', 'at'])
  const mediaType = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  const { status, body } = await bodies.read(request, (text, count) => {
    const events = parseEventInputs(text, mediaType)
    count(events.length)
    return isLater(moment)
      ? schedule(tide, events, { request, moment })
      : publish(tide, events, request)
  })
  sendJson(response, status, body)
}

interface Answer {
  readonly status: number
  readonly body: unknown
}

async function publish(
  tide: Tidemark,
  events: readonly TopicInput[],
  request: NodeRequest,
): Promise<Answer> {
  return { status: 200, body: await tide.publishAll(events, readOptions(request)) }
}

/** The options that a request has for what it publishes. */
export function readOptions(request: NodeRequest): PublishOptions {
  return {
    idempotencyKey: readField(request, 'idempotency-key'),
    ifHead: readField(request, 'if-head'),
    by: describeRequest(request),
  }
}

/** When an event is to be published, as the query says it. */
interface Moment {
  readonly delay?: string | undefined
  readonly at?: string | undefined
}

function isLater({ delay, at }: Moment): boolean {
  return delay !== undefined || at !== undefined
}

/** The same of an event that is to come later. */
async function schedule(
  tide: Tidemark,
  events: readonly TopicInput[],
  { request, moment }: { readonly request: NodeRequest; readonly moment: Moment },
): Promise<Answer> {
  const [event] = events
  if (event === undefined || events.length > 1) {
    throw new ServerError(
      'BATCH_INVALID',
      `A request that publishes later holds one event; got ${events.length}. Send one request for each.`,
    )
  }
  if (readField(request, 'if-head') !== undefined) {
    throw new ServerError(
      'SCHEDULE_INVALID',
      'If-Head says where a topic is now, and means nothing for an event that is published later. Leave one of them out.',
    )
  }
  const options: ScheduleOptions = {
    at: readTime(moment.at),
    delayMs: readTtl(moment.delay),
    idempotencyKey: readField(request, 'idempotency-key'),
    by: describeRequest(request),
  }
  const { id, at } = await tide.schedule.add(event.topic, event, options)
  return { status: 202, body: { id, at } }
}

const isoShape = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/

/** Milliseconds since 1970, or a date with its zone. The node says of anything else what is wrong with it. */
function readTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,15}$/.test(text)) return Number(text)
  const time = isoShape.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(time) ? (text as unknown as number) : time
}

/** The guard has refused fields that come twice. */
function readField({ headers }: NodeRequest, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}
