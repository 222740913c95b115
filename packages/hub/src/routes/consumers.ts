// `/consumers`: where the devices of a user stand.

import { ServerError } from '@tidemark/server'
import type { UserConsumers } from '@tidemark/server'
import { describeRequest } from '@tidemark/server/node'
import { quote } from '@tidemark/wire/values'
import { parseJson } from '../parse-json.ts'
import { readQuery } from './query.ts'
import { sendJson } from './route.ts'
import type { Route } from './route.ts'

type Parts = Parameters<Route>[0]

const list: Route = async (exchange, context) => {
  const consumers = await find(exchange, context).list()
  sendJson(exchange.response, 200, { consumers })
}

/** Sets a consumer back, or ahead, by a JSON body such as `{"since":"7d"}`. */
const reset: Route = async (exchange, context) => {
  const consumers = find(exchange, context)
  const name = readName(exchange)
  const state = await context.bodies.read(exchange.request, (text) =>
    // It is checked there.
    consumers.reset(name, parseJson(text) as Parameters<UserConsumers['reset']>[1]),
  )
  sendJson(exchange.response, 200, state)
}

const remove: Route = async (exchange, context) => {
  await find(exchange, context).delete(readName(exchange))
  sendJson(exchange.response, 200, { deleted: true })
}

/** The routes of consumers. */
export const consumerRoutes: Readonly<Record<'list' | 'remove' | 'reset', Route>> = {
  list,
  remove,
  reset,
}

/** Of the request's own user; of another one for those with the permission `admin`. */
function find({ request, query }: Parts, { tide }: Parameters<Route>[1]): UserConsumers {
  const { user } = readQuery(query, ['user'])
  return tide.consumers({ user, by: describeRequest(request) })
}

/** It needs no escapes; what cannot be decoded is no name. */
function readName({ parts }: Parts): string {
  const text = parts['name'] ?? ''
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new ServerError(
      'CONSUMER_INVALID',
      `The name of a consumer is percent-encoded in a path; got ${quote(text)}.`,
      { cause },
    )
  }
}
