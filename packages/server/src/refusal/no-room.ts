// Why a node takes no new session now.

import { ServerError } from '../errors.ts'

/** It is shutting down. */
export function drainingNode(): ServerError {
  return new ServerError(
    'DRAINING',
    'This node is shutting down and takes no new sessions. Try again.',
  )
}

/** It has as many sessions as it may. */
export function fullNode(sessionsMax: number): ServerError {
  return new ServerError(
    'FULL',
    `This node holds ${sessionsMax} sessions, as many as it may. Try again later, or raise sessionsMax.`,
  )
}
