// `GET /livez` and `GET /readyz`: is the process there, and can it publish and deliver.

import { ServerError } from '@tidemark/server'
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
  if (fault !== undefined) throw toProblem(fault)
  const { warnings } = readiness
  sendJson(response, 200, { status: 'ready', ...(warnings.length > 0 ? { warnings } : {}) })
}

/** A fault that does not pass by itself keeps its code, so that a monitor is able to tell. */
const lastingFaults: ReadonlySet<string> = new Set(['LOG_DIRECTORY_LOST', 'LOG_SUPERSEDED'])

function toProblem(fault: unknown): Error {
  if (fault instanceof ServerError && lastingFaults.has(fault.code)) return fault
  const text = fault instanceof Error ? fault.message : String(fault)
  return new HubError(
    'NOT_READY',
    `The hub cannot publish and deliver: ${text}. Send clients to another one.`,
    { cause: fault },
  )
}
