// Who a request comes from, and what its sender may do.

import type { Authorize, Grant, PlainRequest, RequestFacts } from '@tidemark/server'
import type { AccessSettings } from './access-options.ts'
import { findCredential } from './credentials/find-credential.ts'
import type { CredentialSource } from './credentials/find-credential.ts'
import { explain } from './explain/explain.ts'
import type { Explanation, Wishes } from './explain/explanation.ts'
import type { Steps } from './explain/steps.ts'
import { grantOf } from './grants/claims-grant.ts'
import type { Issuer } from './tokens/plan-issuers.ts'
import { verifyToken } from './tokens/verify-token.ts'

/** A request whose credential is good, or that brings none. */
export interface Verified {
  /** Where the credential stood; `none` for a visitor without one. */
  readonly source: CredentialSource | 'none'
  /** The token itself, a secret; undefined without one. */
  readonly token?: string | undefined
  /** The issuer of the token, where the configuration names it. */
  readonly issuer?: string | undefined
  readonly claims: Readonly<Record<string, unknown>>
  readonly grant: Grant
}

/** Made by `createAccess`. */
export class Access {
  readonly #settings: AccessSettings
  readonly #issuers: readonly Issuer[]
  /**
   * Resolves when there are keys for the tokens of every issuer.
   * @throws AccessError `ACCESS_OPTION_INVALID` where keys cannot be read at the start
   */
  readonly ready: Promise<void>

  constructor(settings: AccessSettings, issuers: readonly Issuer[]) {
    this.#settings = settings
    this.#issuers = issuers
    this.ready = Promise.all(issuers.map(({ keys }) => keys.ready)).then(() => undefined)
    // Somebody may never ask.
    this.ready.catch(() => undefined)
  }

  /** Lines for the operator: keys that cannot be read anew. */
  get warnings(): readonly string[] {
    return this.#issuers.flatMap(({ keys: { warning } }) =>
      warning === undefined ? [] : [warning],
    )
  }

  /**
   * Says what the sender of a request may do, for `createTidemark({ authorize })`. May be handed over without
   * its access.
   * @throws AccessError `TOKEN_INVALID`, `TOKEN_EXPIRED`; ServerError `ACCESS_UNAVAILABLE` while keys cannot be
   * read
   */
  readonly authorize: Authorize = async (request) => (await this.check(request)).grant

  /**
   * Finds out who a request comes from, whatever it asks for.
   * @throws as {@link authorize}
   */
  check(request: RequestFacts): Promise<Verified> {
    return this.#check(request, undefined)
  }

  /**
   * Makes every check of a request, in order, and says how each went, with the way out.
   * @throws AccessError `ACCESS_OPTION_INVALID`
   */
  explain(request: RequestFacts, wishes: Wishes = {}): Promise<Explanation> {
    const verify = async (plain: PlainRequest, steps: Steps): Promise<Grant> =>
      (await this.#check(plain, steps)).grant
    return explain({ verify, clock: this.#settings.clock }, request, wishes)
  }

  /** Stops fetching keys. */
  close(): void {
    for (const { keys } of this.#issuers) keys.close()
  }

  async #check(request: RequestFacts, steps: Steps | undefined): Promise<Verified> {
    const { anonymous, clock, withoutClaim, revocableClaims, ...places } = this.#settings
    let source: Verified['source'] = 'none'
    steps?.begin('credential', () =>
      source === 'none' ? 'There is no token: a visitor.' : `There is a token (${source}).`,
    )
    const credential = findCredential(request, places)
    if (credential === undefined) return { source, claims: {}, grant: { ...anonymous } }
    source = credential.source
    const { text: token } = credential
    const verified = await verifyToken(token, { issuers: this.#issuers, clock, steps })
    steps?.begin('grant', () => 'Its claims are a grant.')
    const grant = grantOf(verified, { withoutClaim, keptClaims: revocableClaims })
    return { source, token, issuer: verified.issuer.name, claims: verified.claims, grant }
  }
}
