// `/sessions/{id}`: an open stream by its id, whichever process of the log it lives in.

import { ServerError } from '@tidemark/server'
import type { SessionReach, TopicChange } from '@tidemark/server'
import { sendAnswer } from '@tidemark/server/hub'
import { describeRequest } from '@tidemark/server/node'
import type { NodeRequest, NodeResponse } from '@tidemark/server/node'
import { nearestName, quote, quoteValue } from '@tidemark/wire/values'
import { parseJson } from '../parse-json.ts'
import type { PathParts } from './match-path.ts'
import { readQuery } from './query.ts'
import { sendJson } from './route.ts'
import type { Route, RouteContext } from './route.ts'

/** Sends the body as the data of an event to this session alone. */
export const sendToSession: Route = async ({ request, response, parts, query }, context) => {
  const { topic, type, key } = readQuery(query, ['topic', 'type', 'key'])
  const session = reach({ request, parts }, context)
  const isSent = await context.bodies.read(request, (data) =>
    session.send({ topic, type, key, data }),
  )
  sendJson(response, 200, { sent: isSent })
}

/** Changes its topics by a JSON body `{add, remove, from}`. */
export const changeSession: Route = async ({ request, response, parts, query }, context) => {
  readQuery(query, [])
  const session = reach({ request, parts }, context)
  const isOpen = await context.bodies.read(request, (text) =>
    session.changeTopics(readChange(parseJson(text))),
  )
  if (!isOpen) {
    throw new ServerError(
      'SESSION_NOT_FOUND',
      `The session ${quote(session.id)} has closed before its topics were changed.`,
    )
  }
  sendNothing(response)
}

/** Says goodbye and ends the stream. */
export const endSession: Route = async ({ request, response, parts, query }, context) => {
  const { reason } = readQuery(query, ['reason'])
  if (reason !== undefined && !/^[a-z0-9-]{1,64}$/.test(reason)) {
    throw new ServerError(
      'QUERY_INVALID',
      `reason is 1 to 64 of a-z, 0-9 and -; got ${quote(reason)}.`,
    )
  }
  await reach({ request, parts }, context).end(reason)
  sendNothing(response)
}

function reach(
  { request, parts }: { readonly request: NodeRequest; readonly parts: PathParts },
  { tide }: RouteContext,
): SessionReach {
  return tide.reach(parts['id'] ?? '', { by: describeRequest(request) })
}

const memberNames = ['add', 'remove', 'from'] as const

/** @throws ServerError `QUERY_INVALID` */
function readChange(body: unknown): TopicChange {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ServerError(
      'QUERY_INVALID',
      `The body must be an object such as {"add":["orders/7"],"remove":["orders/*"]}; got ${quoteValue(body)}.`,
    )
  }
  const members = new Map<string, unknown>(Object.entries(body))
  for (const name of members.keys()) {
    if (memberNames.some((known) => known === name)) continue
    const nearest = nearestName(name, memberNames)
    const hint =
      nearest === undefined ? `Known are ${memberNames.join(', ')}.` : `Did you mean ${nearest}?`
    throw new ServerError('QUERY_INVALID', `The body has no member ${quote(name)}. ${hint}`)
  }
  const from = members.get('from')
  if (from !== undefined && typeof from !== 'string') {
    throw new ServerError('QUERY_INVALID', `from is a cursor, a text; got ${quoteValue(from)}.`)
  }
  return { add: readNames('add', members), remove: readNames('remove', members), from }
}

function readNames(
  name: string,
  members: ReadonlyMap<string, unknown>,
): readonly string[] | undefined {
  const names = members.get(name)
  if (names === undefined) return undefined
  if (Array.isArray(names) && names.every((item) => typeof item === 'string')) return names
  throw new ServerError(
    'QUERY_INVALID',
    `${name} is a list of topics and patterns; got ${quoteValue(names)}.`,
  )
}

function sendNothing(response: NodeResponse): void {
  const headers = { 'Cache-Control': 'no-store' }
  sendAnswer(response, { status: 204, headers, body: new Uint8Array() })
}
