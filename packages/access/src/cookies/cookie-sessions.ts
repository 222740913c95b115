// `POST /session` and `DELETE /session`: a token becomes a cookie that no script can read, and ends.

import type { Clock } from '@tidemark/log'
import type { RequestFacts } from '@tidemark/server'
import { ServerError } from '@tidemark/server'
import { CodedError } from '@tidemark/server/hub'
import { onlyHeaders } from '../checked.ts'
import type { Check } from '../checked.ts'
import { readBearer } from '../credentials/find-credential.ts'
import type { Revocations } from '../revocations/revocations.ts'
import type { CookieSettings } from './cookie-options.ts'
import { requireOwnOrigin } from './own-origin.ts'
import type { AllowsOrigin } from './own-origin.ts'
import { clearCookie, writeCookie } from './session-cookie.ts'

/** A cookie session that has begun or ended. */
export interface CookieChange {
  /** The value of `Set-Cookie` in the answer. */
  readonly setCookie: string
}

interface CookieSessionsOptions {
  readonly settings: CookieSettings
  readonly check: Check
  readonly allowsOrigin: AllowsOrigin
  readonly revocations: Revocations
  readonly clock: Clock
}

/** Trades tokens for cookies, and ends what rests on them. */
export class CookieSessions {
  readonly #options: CookieSessionsOptions

  constructor(options: CookieSessionsOptions) {
    this.#options = options
  }

  /**
   * Trades the token of `Authorization: Bearer` for a cookie that ends with it.
   * @throws AccessError `CROSS_SITE`, `TOKEN_INVALID`, `TOKEN_EXPIRED`, `COOKIE_TOO_LARGE`; ServerError
   * `UNAUTHENTICATED` without a token, `ACCESS_UNAVAILABLE`
   */
  async open(facts: RequestFacts): Promise<CookieChange> {
    const { settings, check, allowsOrigin, clock } = this.#options
    if (saysOrigin(facts)) requireOwnOrigin(facts, allowsOrigin)
    const token = readBearer(facts.header('authorization'))
    const checked = await check(onlyHeaders(facts, (name) => name !== 'cookie'))
    // Where no token is looked for in the header, nobody has checked this one.
    if (token === undefined || checked.source !== 'bearer') {
      throw new ServerError(
        'UNAUTHENTICATED',
        'A cookie is traded for a token; the request brings none that is taken. Send Authorization: Bearer with the token.',
      )
    }
    const { expiresAt } = checked.grant
    const livesMs = expiresAt === undefined ? undefined : expiresAt - clock.now()
    return { setCookie: writeCookie(settings, facts, { token, livesMs }) }
  }

  /**
   * Takes the cookie away and revokes its token: its streams end on every node. A token in `Authorization:
   * Bearer` is revoked as well. Of tokens that hold no more only the cookie is taken away.
   * @throws AccessError `CROSS_SITE`, `ACCESS_STATE_FULL`; ServerError `ACCESS_UNAVAILABLE`,
   * `LOG_UNAVAILABLE`: the token was not revoked then, and the cookie has to stay
   */
  async close(facts: RequestFacts): Promise<CookieChange> {
    const { settings, check, allowsOrigin, revocations } = this.#options
    if (facts.header('cookie') !== undefined || saysOrigin(facts))
      requireOwnOrigin(facts, allowsOrigin)
    const parts = ['authorization', 'cookie'].map((left) =>
      onlyHeaders(facts, (name) => name !== left),
    )
    for (const part of parts) {
      const checked = await check(part).catch(ignoreLasting)
      if (checked !== undefined) await revocations.revokeCredential(checked.grant)
    }
    return { setCookie: clearCookie(settings, facts) }
  }
}

function saysOrigin(facts: RequestFacts): boolean {
  return facts.header('origin') !== undefined || facts.header('sec-fetch-site') !== undefined
}

/** A token that does not hold need not be revoked. Where nobody can say, it has to be tried again. */
function ignoreLasting(error: unknown): undefined {
  if (error instanceof CodedError && error.status === 401) return undefined
  throw error
}
