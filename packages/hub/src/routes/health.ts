// `GET /livez` and `GET /readyz`: is the process there, and can it publish and deliver.

import { HubError } from '../errors.ts'
import { probeMs } from '../limits.ts'
import { readQuery } from './query.ts'
import { sendJson } from './route.ts'
import type { Route } from './route.ts'

/** Answers as long as the process runs. */
export const answerLive: Route = async ({ response, query }) => {
  readQuery(query, [])
  sendJson(response, 200, { status: 'live' })
}

/** Publishes a probe and answers once this node's own tail has delivered it. */
export const answerReady: Route = async ({ response, query }, { tide }) => {
  readQuery(query, [])
  const reason = tide.isDraining
    ? 'it is shutting down'
    : await describeProbeFault(tide.probe(probeMs))
  if (reason !== undefined) {
    throw new HubError(
      'NOT_READY',
      `The hub cannot publish and deliver: ${reason}. Send clients to another one.`,
    )
  }
  sendJson(response, 200, { status: 'ready' })
}

async function describeProbeFault(probe: Promise<boolean>): Promise<string | undefined> {
  try {
    return (await probe) ? undefined : `a probe was not delivered within ${probeMs} ms`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
