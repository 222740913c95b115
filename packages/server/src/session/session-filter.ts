// Checks what sessions are looked for by.

import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { readMembers } from '../read-members.ts'
import type { SessionFilter } from './session-registry.ts'

const filterNames = ['user', 'label', 'group'] as const

/** @throws ServerError `OPTION_INVALID` */
export function readFilter(given: SessionFilter): SessionFilter {
  const wanted = { code: 'OPTION_INVALID', what: 'What sessions are looked for by' } as const
  const filter = readMembers(given, filterNames, wanted)
  // A member that is present must be a text. In `{ user: request.user }` a stranger's user is undefined; read
  // as "everybody's", it would end all sessions.
  for (const name of filterNames) {
    if (!(name in given)) continue
    if (typeof filter[name] === 'string') continue
    throw new ServerError(
      'OPTION_INVALID',
      `The ${name} that sessions are looked for by is a text; got ${quoteValue(filter[name])}. Leave it out to get those of all.`,
    )
  }
  return filter
}
