// `GET /livez` and `GET /readyz`: is the process there, and can it publish and deliver.

import { HubError } from '../errors.ts'
import { readQuery } from './query.ts'
import { sendJson } from './route.ts'
import type { Route } from './route.ts'

/** Answers as long as the process runs. */
export const answerLive: Route = async ({ response, query }) => {
  readQuery(query, [])
  sendJson(response, 200, { status: 'live' })
}

/** Publishes a probe, or shares one, and answers once this node's own tail has delivered it. */
export const answerReady: Route = async ({ response, query }, { readiness }) => {
  readQuery(query, [])
  const fault = await readiness.findFault()
  if (fault !== undefined) {
    throw new HubError(
      'NOT_READY',
      `The hub cannot publish and deliver: ${fault}. Send clients to another one.`,
    )
  }
  sendJson(response, 200, { status: 'ready' })
}
