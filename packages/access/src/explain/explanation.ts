// The answer to "why may this request do that, or why not".

import type { Grant } from '@tidemark/server'

/** The checks, in the order in which they are made. The last four come once for each wish. */
export type CheckName =
  | 'credential'
  | 'size'
  | 'form'
  | 'issuer'
  | 'algorithm'
  | 'key'
  | 'signature'
  | 'times'
  | 'audience'
  | 'grant'
  | 'revoked'
  | 'topic-tokens'
  | 'origin'
  | 'subscribe'
  | 'publish'
  | 'read'
  | 'permission'

/** One check. */
export interface Check {
  readonly name: CheckName
  readonly isPassed: boolean
  /** One sentence: what was looked at, and what was found. Never a secret, nor a token. */
  readonly detail: string
  /** The way out. Only where it has not passed. */
  readonly fix?: string | undefined
  /** The code of the refusal. Only where it has not passed. */
  readonly code?: string | undefined
}

/** All checks up to the first one that refuses the request as a whole; of wishes all. */
export interface Explanation {
  /** Whether every check has passed. */
  readonly isAllowed: boolean
  readonly checks: readonly Check[]
  /** The rights of the request; left out where it is refused as a whole. */
  readonly grant?: Grant | undefined
}

/** The things that a request would do, up to 100 names in all. */
export interface Wishes {
  /** Topics and patterns to subscribe to. */
  readonly subscribe?: readonly string[] | undefined
  /** Topics to publish to. */
  readonly publish?: readonly string[] | undefined
  /** Topics whose history is read. */
  readonly read?: readonly string[] | undefined
  /** Such as `admin`. */
  readonly permissions?: readonly string[] | undefined
}
