// The revocations of a log: the same on every node, and over restarts.

import type { Clock, EventLog, Ledger } from '@tidemark/log'
import type { Grant, GrantClaims } from '@tidemark/server'
import { revocationGraceMs, sessionRevocationMs, tokenLifeMaxMs } from '../limits.ts'
import { refuseToken } from '../refuse-token.ts'
import { SharedLedger } from '../shared-ledger.ts'
import type { Warnings } from '../warnings.ts'
import { writeShared } from '../write-shared.ts'
import { RevocationIndex } from './revocation-index.ts'
import type { Bearer } from './revocation-index.ts'
import { checkRevocation, keyOf, revocationCodec } from './revocation.ts'
import type { Revocation, StoredRevocation } from './revocation.ts'

interface RevocationsOptions {
  readonly log: EventLog
  readonly clock: Clock
  /** Claims that open sessions keep. */
  readonly claimNames: readonly string[]
  /** How long a token lives at most. */
  readonly tokenLifeMs: number
  readonly warnings: Warnings
}

/** The claim that stands for a token without a `jti`: its hash. No token can bring a claim of such a name. */
export const tokenHashClaim = '$token'
/** The claims of a session that came by a ticket: its hash, and which of its sessions it is. */
export const ticketClaim = '$ticket'
export const turnClaim = '$turn'
/** When the token of a session ends that ends before it, in milliseconds since 1970; true: never. */
export const untilClaim = '$until'

/** Whether a token has a name of its own. An empty one would be that of many. */
export function isNamed({ jti }: GrantClaims): boolean {
  return jti !== undefined && jti !== ''
}

/** The revocations of a log, as this node knows them. */
export class Revocations {
  /** Resolves when this node knows of all revocations. */
  readonly ready: Promise<void>
  readonly #options: RevocationsOptions
  readonly #index = new RevocationIndex()
  readonly #ledger: SharedLedger<StoredRevocation>
  readonly #listeners = new Set<() => void>()
  /** The longest life of a token that was seen. */
  #longestLifeMs: number

  constructor(options: RevocationsOptions) {
    this.#options = options
    this.#longestLifeMs = options.tokenLifeMs
    this.#ledger = new SharedLedger({
      ...options,
      name: 'revocations',
      codec: revocationCodec,
      onOpen: (ledger) => this.#follow(ledger),
    })
    this.ready = this.#ledger.ready
  }

  /**
   * Refuses a bearer whose token, user or claims are revoked. No promise where it holds.
   * @throws AccessError `TOKEN_EXPIRED`; ServerError `ACCESS_UNAVAILABLE` while this node cannot know
   */
  requireValid(bearer: Bearer): Promise<void> | undefined {
    const isKnown = this.#ledger.current !== undefined
    if (isKnown && !this.isRevoked(bearer)) return undefined
    return this.#ledger.require().then(() => this.#requireUnrevoked(bearer))
  }

  #requireUnrevoked(bearer: Bearer): void {
    if (!this.isRevoked(bearer)) return
    throw refuseToken(
      'The token has been revoked: its user has signed out, or was signed out. Sign in again, and send the new token.',
      'TOKEN_EXPIRED',
    )
  }

  /** Whether this node knows that a bearer is revoked. */
  isRevoked(bearer: Bearer): boolean {
    return this.#index.find(bearer) !== undefined
  }

  /** Whether an open session has to end. Before this node knows, it ends nothing. */
  ends(session: Bearer & { readonly id: string }): boolean {
    return this.#index.hasSession(session.id) || this.#index.find(session) !== undefined
  }

  /** Whether the session itself is revoked, and with it the credential that it came by. */
  hasSession(id: string): boolean {
    return this.#index.hasSession(id)
  }

  /**
   * Revokes for all nodes. Resolves when the log has it.
   * @throws AccessError `REVOCATION_INVALID`, `ACCESS_STATE_FULL`; ServerError `ACCESS_UNAVAILABLE`
   */
  async revoke(given: Revocation): Promise<StoredRevocation> {
    const { clock, claimNames } = this.#options
    const now = clock.now()
    const { expiresAt, ...revoked } = checkRevocation(given, { now, claimNames })
    return this.#write({ ...revoked, expiresAt: expiresAt ?? this.#endOf(revoked, now) })
  }

  /**
   * Revokes the one token that a grant rests on, or the ticket that an application has given without a token.
   * Resolves to false where it rests on neither: on a check of the application's own.
   * @param grant Of a session: it may end before its token does, and then says until when (`untilClaim`).
   */
  async revokeCredential({ claims = {}, expiresAt }: Grant): Promise<boolean> {
    const names = [isNamed(claims) ? 'jti' : tokenHashClaim, ticketClaim]
    const name = names.find((each) => claims[each] !== undefined)
    const value = name === undefined ? undefined : claims[name]
    if (name === undefined || value === undefined) return false
    const now = this.#options.clock.now()
    const issuer = claims['iss']
    const revoked = {
      name,
      value: String(value),
      issuer: typeof issuer === 'string' ? issuer : undefined,
      at: now,
    }
    const until = name === ticketClaim ? expiresAt : (claims[untilClaim] ?? expiresAt)
    // A token without an end holds for as long as anybody can look ahead.
    const end = typeof until === 'number' ? until : now + tokenLifeMaxMs
    // One that has ended needs no revocation.
    if (end + revocationGraceMs > now)
      await this.#write({ ...revoked, expiresAt: end + revocationGraceMs })
    return true
  }

  /** @throws ServerError `ACCESS_UNAVAILABLE` */
  async list(): Promise<readonly StoredRevocation[]> {
    const ledger = await this.#ledger.require()
    return ledger.entries().map(({ value }) => value)
  }

  /** How long a token that was let in lives: a revocation of all tokens of its user outlives it. */
  noteLife({ claims = {}, expiresAt }: Grant): void {
    const issuedAt = claims['iat']
    const now = this.#options.clock.now()
    const begin = typeof issuedAt === 'number' ? issuedAt * 1000 : now
    const lifeMs = Math.min((expiresAt ?? Infinity) - begin, tokenLifeMaxMs)
    if (!(lifeMs > this.#longestLifeMs)) return
    this.#longestLifeMs = lifeMs
    const { tokenLifeMs, warnings } = this.#options
    warnings.set(
      'Tokens live for longer than the revocation of a user is kept',
      `got one of ${Math.round(lifeMs / 3_600_000)} h, and tokenLifeMs is ${Math.round(tokenLifeMs / 3_600_000)} h. Raise it, or hand out shorter tokens.`,
    )
  }

  /** Calls `listener` when something was revoked; the function that is returned ends it. */
  onRevoked(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  close(): void {
    this.#listeners.clear()
    this.#ledger.close()
  }

  #endOf({ name, issuedBefore }: Omit<StoredRevocation, 'expiresAt'>, now: number): number {
    if (name === '$session') return now + sessionRevocationMs
    return Math.max(now, issuedBefore ?? now) + this.#longestLifeMs + revocationGraceMs
  }

  async #write(wanted: StoredRevocation): Promise<StoredRevocation> {
    const ledger = await this.#ledger.require()
    const key = keyOf(wanted)
    const expiresAt = Math.max(wanted.expiresAt, ledger.get(key)?.expiresAt ?? 0)
    const revocation = { ...wanted, expiresAt }
    await writeShared(() => ledger.set(key, revocation, { expiresAt }))
    // So that a user who is signed out again and again takes one entry.
    for (const weaker of this.#index.listWeaker(revocation)) await ledger.delete(weaker)
    return revocation
  }

  #follow(ledger: Ledger<StoredRevocation>): void {
    ledger.onChange(({ key, value }) => {
      if (value === undefined) this.#index.delete(key)
      else {
        this.#index.put(key, value)
        for (const listener of this.#listeners) listener()
      }
    })
    for (const { key, value } of ledger.entries()) this.#index.put(key, value)
  }
}
