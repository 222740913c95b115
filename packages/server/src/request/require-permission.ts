// Whether the sender of a request has a permission, as an application asks.

import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import type { NodeWatch } from '../observer/node-watch.ts'
import { plainRequest } from './authorize.ts'
import type { Permit, RequestFacts } from './authorize.ts'

interface Node {
  /** Undefined: everybody may everything. */
  readonly permit: Permit | undefined
  /** Told of refusals. */
  readonly watch: NodeWatch
}

/** @throws as `tide.requirePermission` */
export async function requirePermission(
  { permit, watch }: Node,
  by: RequestFacts,
  name: string,
): Promise<void> {
  try {
    if (typeof name !== 'string' || name === '') {
      throw new ServerError(
        'OPTION_INVALID',
        `A permission is a text such as admin; got ${quoteValue(name)}.`,
      )
    }
    if (permit === undefined) plainRequest(by, 'admin', [])
    else await permit.requirePermission(by, name)
  } catch (error) {
    watch.refused('admin', error)
    throw error
  }
}
