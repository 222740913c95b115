// The parts that an access is made of.

import type { ProtectedResource } from './resource/protected-resource.ts'
import type { Issuer } from './tokens/plan-issuers.ts'

/** Whose tokens are taken, and how clients hear of it. */
export interface AccessParts {
  readonly issuers: readonly Issuer[]
  /** Those of tokens for single topics. Default: the same. */
  readonly topicIssuers?: readonly Issuer[] | undefined
  /** Undefined: its clients are not told whose tokens are taken. */
  readonly resource?: ProtectedResource | undefined
}
