// `GET /admin/explain`: every check of a token, or of the request itself, in order, with the way out.

import { AccessError } from '@tidemark/access'
import type { Wishes } from '@tidemark/access'
import { ServerError } from '@tidemark/server'
import { describeRequest } from '@tidemark/server/node'
import { HubError } from '../errors.ts'
import { readLists } from './query.ts'
import { sendJson } from './route.ts'
import type { Route } from './route.ts'

/**
 * Answers with the explanation of the token in the header `Tidemark-Token`, or without it of the one who
 * asks. A token to explain never stands in a URL.
 */
export const explainAccess: Route = async ({ request, response, query }, { access }) => {
  const lists = readLists(query, ['subscribe', 'publish', 'read', 'permission'])
  const { subscribe, publish, read, permission: permissions } = lists
  if (access === undefined) {
    throw new HubError(
      'NOT_FOUND',
      'This hub does not ask who is there, so everybody who reaches it may do everything. Give it auth.secret, auth.jwks or auth.publicKey to change that.',
    )
  }
  const wishes: Wishes = { subscribe, publish, read, permissions }
  const asking = describeRequest(request)
  const token = asking.header('tidemark-token')
  const explained = token === undefined ? asking : access.requestWith(token)
  try {
    sendJson(response, 200, await access.explain(explained, wishes))
  } catch (error) {
    if (!(error instanceof AccessError) || error.code !== 'ACCESS_OPTION_INVALID') throw error
    throw new ServerError('QUERY_INVALID', error.message, { cause: error })
  }
}
