// The owner of a session, as a door or the application names it, checked before the session opens.

import { ServerError } from '../errors.ts'
import { ownerCharactersMax } from '../limits.ts'
import { quoteValue } from '@tidemark/wire/values'
import { readExpiry } from './read-expiry.ts'
import { readPresenceData } from './read-presence-data.ts'
import { readMembers } from '../read-members.ts'
import type { SessionOwner } from '../session/session-handle.ts'
import type { SessionHolder } from '../session/session-holder.ts'

const ownerNames = ['user', 'label', 'group', 'expiresAt', 'presence'] as const

/** One for all sessions that nobody has named. */
const nobody: SessionOwner = {}

/**
 * Each member once, so that what is checked is what is used.
 * @throws ServerError `OPTION_INVALID`
 */
export function readOwner(given: SessionOwner): SessionOwner {
  const wanted = { code: 'OPTION_INVALID', what: 'The owner of a session' } as const
  const { user, label, group, expiresAt, ...shown } = readMembers(given, ownerNames, wanted)
  requireName('user', user)
  requireName('label', label)
  requireName('group', group)
  const end = readExpiry(expiresAt)
  const presence = readPresenceData('presence of a session', shown.presence)
  const isNobody = [user, label, group, end, presence].every((value) => value === undefined)
  return isNobody ? nobody : { user, label, group, expiresAt: end, presence }
}

/**
 * The owner that a grant names. The label is the application's or the client's, the group the application's.
 * @throws ServerError `OPTION_INVALID`
 */
export function requireHolder(owner: unknown): asserts owner is SessionHolder {
  const { label, group, rights } = readMembers(
    owner as SessionHolder,
    ['label', 'group', 'rights'],
    {
      code: 'OPTION_INVALID',
      what: 'The owner of a granted session',
    },
  )
  requireName('label', label)
  requireName('group', group)
  if (typeof rights === 'object') return
  throw new ServerError('OPTION_INVALID', 'A granted session has the rights of its grant.')
}

function requireName(what: string, name: unknown): void {
  if (name === undefined) return
  const isName = typeof name === 'string' && name !== '' && name.length <= ownerCharactersMax
  if (isName) return
  throw new ServerError(
    'OPTION_INVALID',
    `The ${what} of a session is a text of 1 to ${ownerCharactersMax} characters; got ${quoteValue(name)}.`,
  )
}
