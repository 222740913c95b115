// `GET /events` and `POST /events`: open a stream.

import { parseSubscriptionBody } from '@tidemark/server'
import { claimCarrier, hasTurn, readLastEventId } from '@tidemark/server/node'
import { parseJson } from '../parse-json.ts'
import { readQuery } from './query.ts'
import type { Route } from './route.ts'

/** Subscribes by the URL's query, all of which is the hub's: a parameter it does not know is a mistake. */
export const subscribeByQuery: Route = ({ request, response }, { tide }) =>
  tide.subscribe(request, response, { unknownParameters: 'refuse' })

/** Subscribes by a JSON body, for topic lists too long for a URL. */
export const subscribeByBody: Route = async ({ request, response, query }, { tide, bodies }) => {
  readQuery(query, [])
  // Before the body is read, so that nothing that comes behind it is taken for a request.
  claimCarrier(request, response)
  // Nor is a set of topics held while answers before it wait to be read.
  if (!(await hasTurn(request, response))) return
  // The body is let go before the stream opens: streams last.
  const subscription = await bodies.read(request, (text) =>
    parseSubscriptionBody(parseJson(text), readLastEventId(request)),
  )
  await tide.subscribe(request, response, { subscription })
}
