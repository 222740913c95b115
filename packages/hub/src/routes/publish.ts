// `POST /topics/{topic}` and `POST /publish`: publish, acknowledged once the log has it.

import type { PublishOptions } from '@tidemark/server'
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
  const { ttl, ...parts } = readEventQuery(query, ['ttl'])
  const ttlMs = readTtl(ttl)
  const receipt = await bodies.read(request, (data) =>
    tide.publish(topic, { ...parts, ttlMs, data }, readOptions(request)),
  )
  sendJson(response, 200, receipt)
}

/** Publishes the JSON events of the body, all or none. */
export const publishEvents: Route = async ({ request, response, query }, { tide, bodies }) => {
  readQuery(query, [])
  const mediaType = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  const receipt = await bodies.read(request, (text, count) => {
    const events = parseEventInputs(text, mediaType)
    count(events.length)
    return tide.publishAll(events, readOptions(request))
  })
  sendJson(response, 200, receipt)
}

/** The options that a request has for what it publishes. */
export function readOptions(request: NodeRequest): PublishOptions {
  return {
    idempotencyKey: readField(request, 'idempotency-key'),
    ifHead: readField(request, 'if-head'),
    by: describeRequest(request),
  }
}

/** The guard has refused fields that come twice. */
function readField({ headers }: NodeRequest, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}
