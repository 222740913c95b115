// Finds out the sender of a request, and what that sender may do.

import type { Authorize, Grant, PlainRequest, RequestFacts } from '@tidemark/server'
import { readTopicTokens } from '@tidemark/server/hub'
import type { AccessSettings } from './access-options.ts'
import { askApplication } from './authenticate.ts'
import type { AccessParts } from './access-parts.ts'
import type { Source } from './checked.ts'
import type { CookieChange, CookieSessions } from './cookies/cookie-sessions.ts'
import { requireOwnOrigin } from './cookies/own-origin.ts'
import { listCookieNames } from './cookies/session-cookie.ts'
import { findCredential, readParameter } from './credentials/find-credential.ts'
import type { Credential } from './credentials/find-credential.ts'
import { AccessError } from './errors.ts'
import { explain } from './explain/explain.ts'
import type { Explanation, Wishes } from './explain/explanation.ts'
import type { Steps } from './explain/steps.ts'
import { tokenRequest } from './explain/token-request.ts'
import { alwaysKept, grantOf } from './grants/claims-grant.ts'
import { knownGrantOf } from './grants/known-grants.ts'
import { checksAtOnceMax } from './limits.ts'
import type { ProtectedResource, ResourceMetadata } from './resource/protected-resource.ts'
import { requireVisitorsRights, tellResource, told } from './resource/tell-resource.ts'
import { requireFacts, requireNode, requirePath } from './require-facts.ts'
import type { FollowedNode } from './revocations/end-sessions.ts'
import type { Bearer } from './revocations/revocation-index.ts'
import type { Revocation, StoredRevocation } from './revocations/revocation.ts'
import { SharedState, nameToken } from './shared-state.ts'
import type { TicketAnswer } from './tickets/ticket-desk.ts'
import type { KeySource } from './tokens/key-source.ts'
import { CheckTurns } from './tokens/check-turns.ts'
import { KnownTokens } from './tokens/known-tokens.ts'
import type { Issuer } from './tokens/plan-issuers.ts'
import { verifyToken } from './tokens/verify-token.ts'
import type { Verified } from './verified.ts'
import { whenThere } from './when-there.ts'
import type { VerifyHost } from './tokens/verify-token.ts'
import { addTopicTokens } from './topic-tokens/add-topic-tokens.ts'

/** Made by `createAccess`. */
export class Access {
  readonly #settings: AccessSettings
  readonly #issuers: readonly Issuer[]
  readonly #topicIssuers: readonly Issuer[]
  readonly #resource: ProtectedResource | undefined
  readonly #known = new KnownTokens()
  readonly #turns = new CheckTurns(checksAtOnceMax)
  /** Undefined without a log. */
  readonly #shared: SharedState | undefined
  /**
   * Resolves when there are keys for the tokens of every issuer, and when revocations and tickets can be
   * read.
   * @throws AccessError `ACCESS_OPTION_INVALID` where keys cannot be read at the start
   */
  readonly ready: Promise<void>

  constructor(settings: AccessSettings, parts: AccessParts) {
    const { issuers, topicIssuers = issuers } = parts
    this.#resource = parts.resource
    this.#settings = settings
    this.#issuers = issuers
    this.#topicIssuers = topicIssuers
    const { log, revocableClaims } = settings
    const check = (request: RequestFacts): Promise<Verified> => this.check(request)
    const claimNames = [...alwaysKept, ...revocableClaims]
    this.#shared = log && new SharedState({ ...settings, log, check, claimNames })
    const keys = this.#keySources.map(({ ready }) => ready)
    this.ready = Promise.all([...keys, this.#shared?.ready]).then(() => undefined)
    // Somebody may never ask.
    this.ready.catch(() => undefined)
  }

  /** Lines for the operator, such as that keys cannot be read anew. */
  get warnings(): readonly string[] {
    const keys = this.#keySources.flatMap(({ warning }) => (warning === undefined ? [] : [warning]))
    return [...keys, ...(this.#shared?.warnings.lines ?? [])]
  }

  /**
   * Says what the sender of a request may do, for `createTidemark({ authorize })`. A ticket is used by that.
   * May be handed over without its access.
   * @throws AccessError `TOKEN_INVALID`, `TOKEN_EXPIRED`, `TICKET_INVALID`, `CROSS_SITE`; ServerError
   * `ACCESS_UNAVAILABLE` while keys or revocations cannot be read
   */
  readonly authorize: Authorize = (request) => {
    const refuse = (error: unknown): Promise<never> =>
      Promise.reject(tellResource(error, this.#resource?.url))
    try {
      requireFacts(request)
      const grant = this.#grant(request)
      // Mostly everything is there already: then no promise is made.
      return grant instanceof Promise ? grant.catch(refuse) : grant
    } catch (error) {
      return refuse(error)
    }
  }

  /**
   * Finds out who a request comes from, whatever it asks for.
   * @throws as {@link authorize}
   */
  async check(request: RequestFacts): Promise<Verified> {
    requireFacts(request)
    return told(this.#checkAll(request), this.#resource?.url)
  }

  /**
   * Whether a request brings a token that was found good before, has not ended, and is not known to be
   * revoked. For a server that lets strangers wait in a flood.
   */
  knows(request: RequestFacts): boolean {
    requireFacts(request)
    try {
      const credential = this.#findCredential(request)
      const grant = credential && this.#known.find(credential.text)?.grant?.grant
      const { expiresAt = 0 } = grant ?? {}
      if (grant === undefined || expiresAt <= this.#settings.clock.now()) return false
      return this.#shared?.revocations.isRevoked(grant) !== true
    } catch {
      return false
    }
  }

  /** For clients that ask whose tokens are taken (RFC 9728 §3); undefined without the option `resource`. */
  get metadata(): ResourceMetadata | undefined {
    return this.#resource?.metadata
  }

  /**
   * Makes every check of a request, in order, and says how each went, with the way out.
   * @throws AccessError `ACCESS_OPTION_INVALID`
   */
  explain(request: RequestFacts, wishes: Wishes = {}): Promise<Explanation> {
    const foresee = async (plain: PlainRequest, steps?: Steps): Promise<Grant> =>
      this.#addTopics(await this.#foresee(plain, steps), plain, steps)
    return explain({ foresee, clock: this.#settings.clock }, request, wishes)
  }

  /**
   * A request that brings a token where this access looks first, for {@link explain}.
   * @throws AccessError `ACCESS_OPTION_INVALID` for what is no text
   */
  requestWith(token: string): RequestFacts {
    if (typeof token !== 'string') {
      const got = `got a value of type ${typeof token}`
      throw new AccessError('ACCESS_OPTION_INVALID', `A token is a text; ${got}. Hand one in.`)
    }
    const { cookie, cookieName, sources } = this.#settings
    return tokenRequest(token, { source: sources[0], cookieName: cookie?.name ?? cookieName })
  }

  /**
   * Revokes for all nodes of the log, for as long as such tokens may hold. Open streams end within a second
   * (`revoked`), and their tokens are `TOKEN_EXPIRED` from now on.
   * @throws AccessError `REVOCATION_INVALID`, `ACCESS_STATE_FULL`, `ACCESS_OPTION_INVALID` without a log;
   * ServerError `LOG_UNAVAILABLE`, `ACCESS_UNAVAILABLE`
   *
   * @example
   * ```ts
   * await access.revoke({ user: 'ada' })
   * ```
   */
  async revoke(revocation: Revocation): Promise<StoredRevocation> {
    return this.#requireShared().revocations.revoke(revocation)
  }

  /**
   * The revocations that hold now.
   * @throws AccessError `ACCESS_OPTION_INVALID` without a log; ServerError `ACCESS_UNAVAILABLE`
   */
  async revocations(): Promise<readonly StoredRevocation[]> {
    return this.#requireShared().revocations.list()
  }

  /** Whether tokens are traded for cookies. */
  get hasCookies(): boolean {
    return this.#shared?.cookies !== undefined
  }

  /**
   * Trades the token of `Authorization: Bearer` for a cookie that ends with it.
   * @throws AccessError `CROSS_SITE`, `TOKEN_INVALID`, `TOKEN_EXPIRED`, `COOKIE_TOO_LARGE`,
   * `ACCESS_OPTION_INVALID` without the option `cookie`; ServerError `UNAUTHENTICATED` without a token,
   * `ACCESS_UNAVAILABLE`
   */
  async openSession(request: RequestFacts): Promise<CookieChange> {
    const cookies = this.#requireCookies()
    requireFacts(request)
    return told(cookies.open(request), this.#resource?.url)
  }

  /**
   * Takes the cookie away and revokes its token, so that its streams end on every node. A token in
   * `Authorization: Bearer` is revoked as well.
   * @throws AccessError `CROSS_SITE`, `ACCESS_STATE_FULL`, `ACCESS_OPTION_INVALID` without the option
   * `cookie`; ServerError `ACCESS_UNAVAILABLE`, `LOG_UNAVAILABLE`. The token was not revoked then.
   */
  async closeSession(request: RequestFacts): Promise<CookieChange> {
    const cookies = this.#requireCookies()
    requireFacts(request)
    return told(cookies.close(request), this.#resource?.url)
  }

  /**
   * Trades what a request brings for a ticket: it opens one stream by its URL, and lets this stream come back
   * until the grant ends.
   * @param streamPath The path of the streams. Default `/events`.
   * @throws AccessError `CROSS_SITE`, `TICKETS_TOO_MANY`, `TICKET_TOO_LARGE`, `ACCESS_STATE_FULL`,
   * `ACCESS_OPTION_INVALID` without a log, and as {@link authorize}; ServerError `UNAUTHENTICATED`,
   * `METHOD_NOT_ALLOWED` for HEAD
   */
  async issueTicket(request: RequestFacts, streamPath: string = '/events'): Promise<TicketAnswer> {
    const { desk } = this.#requireShared()
    requireFacts(request)
    requirePath(streamPath)
    return told(desk.issue(request, streamPath), this.#resource?.url)
  }

  /**
   * Ends the sessions of a node whose credential is revoked, and those that another session of their ticket
   * replaces.
   * @throws AccessError `ACCESS_OPTION_INVALID` without a log
   */
  follow(tide: FollowedNode): void {
    const shared = this.#requireShared()
    requireNode(tide)
    shared.follow(tide)
  }

  /** Stops fetching keys, and lets go of the log. */
  close(): void {
    for (const keys of this.#keySources) keys.close()
    this.#shared?.close()
  }

  async #checkAll(request: RequestFacts): Promise<Verified> {
    const verified = await this.#check(request, undefined)
    return { ...verified, grant: await this.#addTopics(verified.grant, request) }
  }

  get #keySources(): readonly KeySource[] {
    return [...new Set([...this.#issuers, ...this.#topicIssuers])].map(({ keys }) => keys)
  }

  /** The decision of {@link authorize}, without an effect: a ticket is not used by that. */
  async #foresee(request: PlainRequest, steps: Steps | undefined): Promise<Grant> {
    const { source, grant } = await this.#admit(request, steps)
    const ticket = source === 'ticket' ? readParameter(request.url, 'ticket') : undefined
    // The request as a whole is judged before any of its wishes.
    const isWhole = request.action === 'subscribe' && request.topics.length === 0
    if (ticket === undefined || isWhole) return grant
    return this.#requireShared().tickets.foresee(ticket, request)
  }

  #admit(request: PlainRequest, steps: Steps | undefined): Verified | Promise<Verified> {
    return whenThere(this.#check(request, steps), (verified) => {
      const { source } = verified
      // A browser adds its cookies to whatever any page asks for.
      const isBorrowed = source === 'cookie' || source === 'application'
      if (!isBorrowed || request.header('cookie') === undefined) return verified
      steps?.begin('origin', () => 'No page of a foreign origin asks with its cookie.')
      requireOwnOrigin(request, this.#settings.allowsOrigin)
      return verified
    })
  }

  #grant(request: PlainRequest): Grant | Promise<Grant> {
    const admitted = this.#admit(request, undefined)
    const base = whenThere(admitted, (verified) => this.#use(verified, request))
    const whole = whenThere(base, (grant) => this.#addTopics(grant, request))
    return whenThere(whole, (grant) => {
      requireVisitorsRights(grant, request, this.#resource?.url)
      return grant
    })
  }

  /** A ticket is used by it. */
  #use({ source, grant }: Verified, request: PlainRequest): Grant | Promise<Grant> {
    const ticket = source === 'ticket' ? readParameter(request.url, 'ticket') : undefined
    return ticket === undefined ? grant : this.#requireShared().tickets.use(ticket, request)
  }

  #addTopics(
    grant: Grant,
    request: PlainRequest | RequestFacts,
    steps?: Steps,
  ): Grant | Promise<Grant> {
    if (request.topicTokens === undefined) return grant
    const topicTokens = readTopicTokens(request.topicTokens) ?? []
    if (topicTokens.length === 0) return grant
    const shared = this.#shared
    steps?.begin('topic-tokens', () => 'Its topic tokens add their topics.')
    return addTopicTokens(grant, topicTokens, {
      issuers: this.#topicIssuers,
      known: this.#known,
      turns: this.#turns,
      from: request.address,
      clock: this.#settings.clock,
      requireValid: shared && ((bearer: Bearer) => shared.revocations.requireValid(bearer)),
      isRecheck: 'isRecheck' in request && request.isRecheck === true,
    })
  }

  #check(request: RequestFacts, steps: Steps | undefined): Verified | Promise<Verified> {
    return whenThere(this.#find(request, steps), (verified) => {
      const shared = this.#shared
      if (verified.source === 'none' || shared === undefined) return verified
      steps?.begin('revoked', () => 'It is not revoked.')
      return whenThere(shared.revocations.requireValid(verified.grant), () => {
        if (verified.token !== undefined) shared.revocations.noteLife(verified.grant)
        return verified
      })
    })
  }

  /** @throws AccessError `TOKEN_INVALID` */
  #findCredential(request: RequestFacts): Credential | undefined {
    const { cookie, cookieName, sources } = this.#settings
    return findCredential(request, {
      sources,
      cookieNames: () => (cookie === undefined ? [cookieName] : listCookieNames(cookie, request)),
    })
  }

  #find(request: RequestFacts, steps: Steps | undefined): Verified | Promise<Verified> {
    let source: Source = 'none'
    steps?.begin('credential', () =>
      source === 'none' ? 'There is no token: a visitor.' : `There is a token (${source}).`,
    )
    const shared = this.#shared
    const ticket = shared && readParameter(request.url, 'ticket')
    if (shared !== undefined && ticket !== undefined) {
      source = 'ticket'
      return whenThere(shared.tickets.peek(ticket), (grant): Verified => ({
        source: 'ticket',
        claims: {},
        grant,
      }))
    }
    const credential = this.#findCredential(request)
    if (credential === undefined) return this.#ask(request)
    source = credential.source
    return this.#verify(credential, { steps, from: request.address })
  }

  #verify(
    { source, text: token }: Credential,
    { steps, from }: Pick<VerifyHost, 'from' | 'steps'>,
  ): Verified | Promise<Verified> {
    const { clock, withoutClaim, revocableClaims } = this.#settings
    const verifying = verifyToken(token, {
      issuers: this.#issuers,
      clock,
      known: this.#known,
      turns: this.#turns,
      from,
      steps,
    })
    return whenThere(verifying, (verified) => {
      steps?.begin('grant', () => 'Its claims are a grant.')
      const { issuer, claims } = verified
      const grant = knownGrantOf(verified, () => {
        const said = grantOf(verified, { withoutClaim, keptClaims: revocableClaims })
        return this.#shared === undefined ? said : nameToken(said, token)
      })
      return { source, token, issuer: issuer.name, claims, grant }
    })
  }

  /** Of a request without a credential of ours: the application may know its sender. */
  async #ask(request: RequestFacts): Promise<Verified> {
    const grant = await askApplication(request, this.#settings)
    if (grant !== undefined) return { source: 'application', claims: {}, grant }
    return { source: 'none', claims: {}, grant: { ...this.#settings.anonymous } }
  }

  #requireShared(): SharedState {
    if (this.#shared !== undefined) return this.#shared
    throw new AccessError(
      'ACCESS_OPTION_INVALID',
      'Revocations and tickets stand in the log of the node, and createAccess was given none. Make it with createAccess({ log }).',
    )
  }

  #requireCookies(): CookieSessions {
    const { cookies } = this.#requireShared()
    if (cookies !== undefined) return cookies
    throw new AccessError(
      'ACCESS_OPTION_INVALID',
      'A cookie is traded only where createAccess says which. Make it with createAccess({ log, cookie: {} }).',
    )
  }
}
