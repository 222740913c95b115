// The client behind a command: the id of a session is no credential.

import { ServerError } from '../errors.ts'
import type { Grant } from '../request/grant.ts'
import type { SessionHandle } from '../session/session-handle.ts'

/** As much of a client's grant as the session's own node needs to hold the client against the session. */
export interface Asker {
  /** Undefined: a visitor. */
  readonly user?: string | undefined
  readonly isAdmin: boolean
}

/**
 * Refuses a visitor who may do nothing here: not one request of such a client goes to another node.
 * @throws ServerError `UNAUTHENTICATED`
 */
export function askerOf({ user, subscribe = [], permissions = [] }: Grant): Asker {
  if (user === undefined && subscribe.length === 0 && permissions.length === 0) throw unknown()
  return { user, isAdmin: permissions.includes('admin') }
}

/**
 * Refuses a client that is neither the user of the session nor has the permission `admin`. A visitor's stream
 * has no user: there the id is all that there is.
 * @throws ServerError `UNAUTHENTICATED`, `USER_DIFFERS`
 */
export function requireOwn({ user }: Pick<SessionHandle, 'user'>, asker: Asker | undefined): void {
  if (asker === undefined || asker.isAdmin || user === undefined || user === asker.user) return
  if (asker.user === undefined) throw unknown()
  throw new ServerError(
    'USER_DIFFERS',
    'The session is of another user than the request. Ask with a credential of its user, or one with the permission "admin".',
  )
}

function unknown(): ServerError {
  return new ServerError(
    'UNAUTHENTICATED',
    'It takes the credentials of the user of a session to change, address or end it; the request brings none that are accepted. Sign in, and send them along.',
  )
}
