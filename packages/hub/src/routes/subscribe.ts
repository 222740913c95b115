// `GET /events` and `POST /events`: open a stream.

import { parseJson } from '../parse-json.ts'
import { readQuery } from './query.ts'
import type { Route } from './route.ts'

/** Subscribes by the URL's query, all of which is the hub's: a parameter it does not know is a mistake. */
export const subscribeByQuery: Route = (exchange, { tide, streams }) => {
  const { request, response } = exchange
  return streams.open(exchange, tide, (limits) =>
    tide.subscribe(request, response, { unknownParameters: 'refuse', ...limits }),
  )
}

/**
 * Subscribes by a JSON body, for topic lists too long for a URL. It counts with the hub's other bodies
 * while it is read.
 */
export const subscribeByBody: Route = async (exchange, { tide, bodies, streams }) => {
  const { request, response, query } = exchange
  readQuery(query, [])
  const readBody = (): Promise<unknown> => bodies.read(request, (text) => parseJson(text))
  await streams.open(exchange, tide, (limits) =>
    tide.subscribe(request, response, { readBody, ...limits }),
  )
}
