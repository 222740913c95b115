// A request whose credential was checked.

import type { Grant } from '@tidemark/server'
import type { Source } from './checked.ts'

/** A request whose credential is good, or that brings none. */
export interface Verified {
  /** Where the credential stood; `application` for its own check, `none` for a visitor without one. */
  readonly source: Source
  /** The token itself, a secret; undefined without one. */
  readonly token?: string | undefined
  /** The issuer of the token, where the configuration names it. */
  readonly issuer?: string | undefined
  readonly claims: Readonly<Record<string, unknown>>
  readonly grant: Grant
}
