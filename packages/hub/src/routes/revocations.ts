// `/admin/revocations`: what no longer holds, on every node.

import type { Revocation } from '@tidemark/access'
import { parseJson } from '../parse-json.ts'
import { readQuery } from './query.ts'
import { requireAccess } from './require-access.ts'
import { sendJson } from './route.ts'
import type { Route } from './route.ts'

/** Revokes what a JSON body says, such as `{"user":"ada"}`. */
export const addRevocation: Route = async ({ request, response, query }, context) => {
  readQuery(query, [])
  const access = requireAccess(context)
  const revoked = await context.bodies.read(request, (text) =>
    // It is checked there.
    access.revoke(parseJson(text) as Revocation),
  )
  sendJson(response, 201, revoked)
}

/** Lists them. */
export const listRevocations: Route = async ({ response, query }, context) => {
  readQuery(query, [])
  sendJson(response, 200, { revocations: await requireAccess(context).revocations() })
}
