// `/sessions/{id}`: an open stream by its id, whichever process of the log it lives in.

import { ServerError } from '@tidemark/server'
import type { RequestFacts, SessionReach, TopicChange } from '@tidemark/server'
import { bringTopicTokens, readTopicTokens } from '@tidemark/server/hub'
import { describeRequest } from '@tidemark/server/node'
import type { NodeRequest } from '@tidemark/server/node'
import { nearestName, quote, quoteValue } from '@tidemark/wire/values'
import { tokenCharactersMax } from '../config/limits.ts'
import { parseJson } from '../parse-json.ts'
import type { PathParts } from './match-path.ts'
import { readEventQuery } from './event-query.ts'
import { readQuery } from './query.ts'
import { sendJson, sendNothing } from './route.ts'
import type { Route, RouteContext } from './route.ts'

/** Sends the body as the data of an event to this session alone. */
export const sendToSession: Route = async ({ request, response, parts, query }, context) => {
  const event = readEventQuery(query, ['topic'])
  const session = reach({ request, parts }, context)
  const isSent = await context.bodies.read(request, (data) => session.send({ ...event, data }))
  sendJson(response, 200, { sent: isSent })
}

/** Gives it the grant of a fresh token, and changes its topics: a JSON body `{token, topicTokens,
 * add, remove, from, since}`. */
export const changeSession: Route = async (
  { request, response, parts, query },
  { tide, bodies },
) => {
  readQuery(query, [])
  const id = parts['id'] ?? ''
  const isOpen = await bodies.read(request, async (text) => {
    const { token, topicTokens, change } = readChange(parseSecret(text))
    const facts = describeRequest(request)
    const alone = token === undefined ? facts : bringToken(facts, token)
    const by = bringTopicTokens(alone, topicTokens)
    const session = tide.reach(id, { by })
    if (token !== undefined && !(await session.renew({ by }))) return false
    return token !== undefined && change === undefined ? true : session.changeTopics(change ?? {})
  })
  if (!isOpen) {
    throw new ServerError(
      'SESSION_NOT_FOUND',
      `The session ${quote(id)} has closed, before the request or by it.`,
    )
  }
  sendNothing(response)
}

/**
 * The request as if it had come with this token alone. Its cookie and its query may hold an older one, which
 * could be looked at first.
 */
function bringToken(facts: RequestFacts, token: string): RequestFacts {
  const { method, url, address } = facts
  return {
    method,
    url: url.split('?', 1)[0] ?? url,
    address,
    header: (given) => {
      const name = given.toLowerCase()
      if (name === 'authorization') return `Bearer ${token}`
      return name === 'cookie' ? undefined : facts.header(name)
    },
  }
}

/** The reason of a parser quotes what it has read, and that may be a token. */
function parseSecret(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    throw new ServerError(
      'BODY_NOT_JSON',
      'The body is not JSON such as {"add":["orders/7"]} or {"token":"eyJ…"}. It may hold a token, so that it is not quoted here.',
    )
  }
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

const memberNames = ['token', 'topicTokens', 'add', 'remove', 'from', 'since'] as const

/** A request to an open session. Undefined: it asks for no such thing. */
interface SessionChange {
  readonly token: string | undefined
  readonly topicTokens: readonly string[] | undefined
  readonly change: TopicChange | undefined
}

/** @throws ServerError `QUERY_INVALID` */
function readChange(body: unknown): SessionChange {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ServerError(
      'QUERY_INVALID',
      `The body must be an object such as {"add":["orders/7"],"remove":["orders/*"]} or {"token":"eyJ…"}; got ${kindOf(body)}.`,
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
  const from = readText('from', members)
  const since = readText('since', members)
  const token = readToken(members.get('token'))
  const topicTokens = readTopicTokens(members.get('topicTokens'))
  const isChange = ['add', 'remove', 'from', 'since'].some((name) => members.has(name))
  const add = readNames('add', members)
  const change = { add, remove: readNames('remove', members), from, since }
  return { token, topicTokens, change: isChange ? change : undefined }
}

/** Where added topics begin. */
function readText(
  name: 'from' | 'since',
  members: ReadonlyMap<string, unknown>,
): string | undefined {
  const value = members.get(name)
  if (value === undefined || typeof value === 'string') return value
  const kind = name === 'from' ? 'a cursor, a text' : 'a text such as earliest, -10, 5m or a cursor'
  throw new ServerError('QUERY_INVALID', `${name} is ${kind}; got ${quoteValue(value)}.`)
}

/** Never quoted: an error may be logged by whoever gets it. */
function readToken(token: unknown): string | undefined {
  if (token === undefined) return undefined
  const isToken = typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)
  if (isToken && token.length <= tokenCharactersMax) return token
  throw new ServerError(
    'QUERY_INVALID',
    `token is 1 to ${tokenCharactersMax} visible ASCII characters, as after Bearer in Authorization; got ${kindOf(token)}.`,
  )
}

function kindOf(value: unknown): string {
  if (typeof value === 'string') return `a text of ${value.length} characters`
  if (value === null) return 'null'
  return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`
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
