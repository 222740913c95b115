// The access of a hub that asks who is there.

import type { Access } from '@tidemark/access'
import { HubError } from '../errors.ts'
import type { RouteContext } from './route.ts'

/** @throws HubError `NOT_FOUND` where the hub does not ask */
export function requireAccess({ access }: Pick<RouteContext, 'access'>): Access {
  if (access !== undefined) return access
  throw new HubError(
    'NOT_FOUND',
    'This hub does not ask who is there, so there is no token to trade or to revoke. Start it with --auth-secret or --auth-jwks.',
  )
}

/** @throws HubError `NOT_FOUND` where it takes no cookies */
export function requireCookies(context: Pick<RouteContext, 'access'>): Access {
  const access = requireAccess(context)
  if (access.hasCookies) return access
  throw new HubError(
    'NOT_FOUND',
    'This hub takes no cookies, so there is none to hand out. Name cookie in auth.sources.',
  )
}
