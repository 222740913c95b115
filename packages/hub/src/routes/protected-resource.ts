// `GET /.well-known/oauth-protected-resource`: whose tokens the hub takes, and where they may be (RFC 9728).

import { quote } from '@tidemark/wire/values'
import { HubError } from '../errors.ts'
import { readTarget } from '../request-target.ts'
import { readQuery } from './query.ts'
import { sendJson } from './route.ts'
import type { Route } from './route.ts'

/** Answers at the path that belongs to the URL of the hub, and only where it takes tokens. */
export const answerMetadata: Route = async ({ request, response, parts, query }, context) => {
  readQuery(query, [])
  const { resource } = context
  const { authority, path } = readTarget(request)
  const isOwn = parts['rest'] === undefined || `/${parts['rest']}` === resource?.path
  const metadata = isOwn ? resource?.describe(authority) : undefined
  if (metadata === undefined) {
    throw new HubError(
      'NOT_FOUND',
      `There is nothing at ${quote(path)}: this hub takes no tokens, or is known by another URL. Set auth.resource to the URL that clients know it by.`,
    )
  }
  sendJson(response, 200, metadata)
}
