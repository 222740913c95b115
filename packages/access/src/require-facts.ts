// Arguments of the access as applications hand them in.

import { hasMethods } from '@tidemark/log/values'
import type { RequestFacts } from '@tidemark/server'
import { quoteValue } from '@tidemark/wire/values'
import { AccessError } from './errors.ts'
import { readMembers } from './read-members.ts'
import type { FollowedNode } from './revocations/end-sessions.ts'

const code = 'ACCESS_OPTION_INVALID'

/** @throws AccessError `ACCESS_OPTION_INVALID` for a request that `describeRequest` has not made */
export function requireFacts(request: RequestFacts): void {
  const { method, url } = readMembers(request, ['method', 'url'], { code, what: 'A request' })
  const isRequest = typeof method === 'string' && typeof url === 'string'
  if (isRequest && hasMethods(request, ['header'])) return
  throw new AccessError(
    code,
    `A request is what describeRequest(request) gives; got ${quoteValue(request)}.`,
  )
}

/** @throws AccessError `ACCESS_OPTION_INVALID` for a path that is none, and could forge a header */
export function requirePath(path: string): void {
  if (typeof path === 'string' && /^(?:\.\.)?\/[\x21-\x22\x24-\x3e\x40-\x7e]*$/.test(path)) return
  throw new AccessError(
    code,
    `The path of the streams is such as /events, without a query; got ${quoteValue(path)}.`,
  )
}

/** @throws AccessError `ACCESS_OPTION_INVALID` for anything but a node */
export function requireNode(node: FollowedNode): void {
  if (hasMethods(node, ['sessions', 'onGranted'])) return
  throw new AccessError(
    code,
    `A node is what createTidemark gives; got ${quoteValue(node)}. Hand it over as access.follow(tide).`,
  )
}
