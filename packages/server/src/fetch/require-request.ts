// Checks of the object that an application hands in as the request of a client.

import { ServerError } from '../errors.ts'
import { hasMethods } from '@tidemark/log/values'
import { readMembers } from '../read-members.ts'

/**
 * Where there is no request, the answer is the only place to say so.
 * @throws ServerError `OPTION_INVALID`
 */
export function requireRequest(request: Request, door: 'openStream' | 'tide.fetch'): void {
  const what = `What ${door} answers`
  const { headers } = readMembers(request, ['headers'], { code: 'OPTION_INVALID', what })
  if (hasMethods(headers, ['get'])) return
  const other = door === 'openStream' ? 'openStream of @tidemark/server/node' : 'tide.subscribe'
  throw new ServerError(
    'OPTION_INVALID',
    `${what} is a Request of the Fetch API. Requests of node:http go to ${other}.`,
  )
}
