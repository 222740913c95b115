// Checks the parts of an event that only few events have.

import type { EventTags } from '@tidemark/log'
import { describePermissionFault, describeTagsFault, describeTtlFault } from '@tidemark/log/values'
import { ServerError } from '../errors.ts'

/**
 * The tags of an event, as a map that nobody can change; undefined where there is none.
 * @throws ServerError `EVENT_TAGS_INVALID`
 */
export function checkTags(tags: EventTags | undefined): EventTags | undefined {
  if (tags === undefined) return undefined
  const fault = describeTagsFault(tags)
  if (fault !== undefined)
    throw new ServerError('EVENT_TAGS_INVALID', `An event was refused: ${fault}`)
  const copy = Object.freeze({ ...tags })
  return Object.keys(copy).length === 0 ? undefined : copy
}

/** @throws ServerError `EVENT_TTL_INVALID` */
export function checkTtl(ttlMs: number | undefined): number | undefined {
  const fault = ttlMs === undefined ? undefined : describeTtlFault(ttlMs)
  if (fault === undefined) return ttlMs
  throw new ServerError('EVENT_TTL_INVALID', `An event was refused: ${fault}`)
}

/**
 * The permission that the readers of an event need; undefined where they need none.
 * @throws ServerError `EVENT_PERMISSION_INVALID`
 */
export function checkPermission(permission: string | undefined): string | undefined {
  if (permission === undefined) return undefined
  const fault = describePermissionFault(permission)
  if (fault === undefined) return permission
  throw new ServerError('EVENT_PERMISSION_INVALID', `An event was refused: ${fault}`)
}
