// `POST /send`: one event to whoever is meant.

import type { SendTarget } from '@tidemark/server'
import { parseSendInput } from '../event-input.ts'
import { readOptions } from './publish.ts'
import { readQuery } from './query.ts'
import { sendJson } from './route.ts'
import type { Route } from './route.ts'

/** Sends the JSON event of the body to its member `to`. */
export const sendEvent: Route = async ({ request, response, query }, { tide, bodies }) => {
  readQuery(query, [])
  const receipt = await bodies.read(request, (text, count) => {
    const { to, event } = parseSendInput(text)
    count(countEvents(to))
    return tide.send(to as SendTarget, event, readOptions(request))
  })
  sendJson(response, 200, receipt)
}

/** An event to users becomes one for each of them. The node checks what the target is. */
function countEvents(to: unknown): number {
  const { users } = (to ?? {}) as { readonly users?: unknown }
  return Array.isArray(users) ? users.length : 1
}
