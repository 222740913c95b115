// Tickets: what a client that cannot send headers puts into the URL of a stream, in place of a credential.

import { createHash, randomBytes as drawBytes } from 'node:crypto'
import { parseTopicSet } from '@tidemark/log'
import type { Clock, EventLog, Ledger, Position } from '@tidemark/log'
import type { Grant, GrantClaims, PlainRequest } from '@tidemark/server'
import { AccessError } from '../errors.ts'
import {
  ticketBits,
  ticketGrantCharactersMax,
  ticketUseMs,
  ticketsOfCredentialMax,
  usedTicketsBytesMax,
  usedTicketsMax,
} from '../limits.ts'
import { refuseToken } from '../refuse-token.ts'
import { ticketClaim, turnClaim, untilClaim } from '../revocations/revocations.ts'
import { SharedLedger } from '../shared-ledger.ts'
import type { Warnings } from '../warnings.ts'
import { writeShared } from '../write-shared.ts'
import { CountedWindow } from './counted-window.ts'
import { describeStream, readShownCursor } from './shown.ts'
import { ticketCodec } from './ticket-entry.ts'
import type { IssuedEntry, TicketEntry, UsedEntry } from './ticket-entry.ts'
import { UsedTickets } from './used-tickets.ts'
import type { UsedBounds } from './used-tickets.ts'

/** A ticket as the client gets it. */
export interface IssuedTicket {
  readonly ticket: string
  /** Within so long its stream has to be opened. */
  readonly expiresInMs: number
}

interface TicketsOptions {
  readonly log: EventLog
  readonly clock: Clock
  readonly randomBytes?: ((count: number) => Uint8Array) | undefined
  /** The longest that a ticket lets its stream come back. */
  readonly ticketLifeMs: number
  readonly warnings: Warnings
  /** Default: what fits into a ledger beside those that have just been handed out. */
  readonly used?: UsedBounds | undefined
}

/** The tickets of a log. Any node takes what another one has handed out. */
export class Tickets {
  /** Resolves when this node knows of all tickets. */
  readonly ready: Promise<void>
  readonly #options: TicketsOptions
  readonly #ledger: SharedLedger<TicketEntry>
  readonly #listeners = new Set<(ticket: string) => void>()
  readonly #issued: CountedWindow
  readonly #used: UsedTickets
  #isForgetting = false

  constructor(options: TicketsOptions) {
    this.#options = options
    this.#issued = new CountedWindow(options.clock, ticketUseMs, ticketsOfCredentialMax)
    this.#used = new UsedTickets(
      options.used ?? { ticketsMax: usedTicketsMax, bytesMax: usedTicketsBytesMax },
      options.clock,
    )
    this.#ledger = new SharedLedger({
      ...options,
      name: 'tickets',
      codec: ticketCodec,
      onOpen: (ledger) => this.#follow(ledger),
    })
    this.ready = this.#ledger.ready
  }

  /**
   * Hands out a ticket for what a credential grants.
   * @param holder Names the credential: each may have so many tickets at one time.
   * @throws AccessError `TICKETS_TOO_MANY`, `TICKET_TOO_LARGE`, `ACCESS_STATE_FULL`; ServerError
   * `ACCESS_UNAVAILABLE`
   */
  async issue(given: Grant, holder: string): Promise<IssuedTicket> {
    const { clock, ticketLifeMs, randomBytes = drawBytes } = this.#options
    const now = clock.now()
    // Nobody can ask the application again for a ticket, so it ends when that would be due.
    const { recheckAfterMs = Infinity, ...kept } = given
    const endsAt = Math.min(given.expiresAt ?? Infinity, now + ticketLifeMs, now + recheckAfterMs)
    const grant = endBefore(kept, endsAt)
    requireSmall(grant)
    const ledger = await this.#ledger.require()
    if (!this.#issued.count(holder)) throw describeTooMany()
    const ticket = Buffer.from(randomBytes(ticketBits / 8)).toString('base64url')
    const entry: IssuedEntry = { kind: 'issued', grant, endsAt }
    const expiresAt = Math.min(now + ticketUseMs, endsAt)
    await writeShared(() => ledger.set(hashTicket(ticket), entry, { expiresAt }))
    return { ticket, expiresInMs: expiresAt - now }
  }

  /**
   * Resolves to the grant of a ticket, if the request opens its stream, or is this stream that comes back.
   * @throws AccessError `TICKET_INVALID`; ServerError `ACCESS_UNAVAILABLE`
   */
  async use(ticket: string, request: PlainRequest): Promise<Grant> {
    requireOpening(request)
    requireShape(ticket)
    const ledger = await this.#ledger.require()
    const hash = hashTicket(ticket)
    const shown = describeStream(request)
    const known = await this.#find(ledger, hash)
    if (known === undefined) throw invalid('is unknown here, or was not used within 30 s')
    if (known.kind === 'used') return this.#comeBack({ ledger, hash, used: known, request })
    const { grant, endsAt } = known
    const entry: UsedEntry = { kind: 'used', grant, endsAt, shown, turn: this.#drawTurn() }
    const { isWon, value } = await writeShared(() =>
      ledger.claim(usedKey(hash), entry, { expiresAt: endsAt }),
    )
    if (isWon) return addClaims(hash, entry)
    if (value.kind !== 'used') throw invalid('is not understood here')
    return this.#comeBack({ ledger, hash, used: value, request })
  }

  /**
   * Resolves to what a ticket would grant. It is not used by that.
   * @throws AccessError `TICKET_INVALID`; ServerError `ACCESS_UNAVAILABLE`
   */
  async peek(ticket: string): Promise<Grant> {
    requireShape(ticket)
    const hash = hashTicket(ticket)
    const known = await this.#find(await this.#ledger.require(), hash)
    if (known === undefined) throw invalid('is unknown here, or was not used within 30 s')
    const { grant } = known
    return { ...grant, claims: { ...grant.claims, [ticketClaim]: hash } }
  }

  /**
   * Resolves to what {@link use} would give. The ticket is not used by that.
   * @throws as {@link use}
   */
  async foresee(ticket: string, request: PlainRequest): Promise<Grant> {
    requireOpening(request)
    requireShape(ticket)
    const known = await this.#find(await this.#ledger.require(), hashTicket(ticket))
    if (known === undefined) throw invalid('is unknown here, or was not used within 30 s')
    if (known.kind === 'used') await this.#requireSame(known, request)
    return known.grant
  }

  /** Whether another session of the same ticket has come after this one. */
  isReplaced(claims: GrantClaims): boolean {
    const { [ticketClaim]: hash, [turnClaim]: turn } = claims
    if (typeof hash !== 'string') return false
    const used = this.#ledger.current?.get(usedKey(hash))
    return used?.kind === 'used' && used.turn !== turn
  }

  /** Calls `listener` with the hash of a ticket whose stream was opened; the returned function ends it. */
  onUsed(listener: (hash: string) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  close(): void {
    this.#listeners.clear()
    this.#ledger.close()
  }

  /** The node that has handed it out may be ahead of this one. */
  async #find(ledger: Ledger<TicketEntry>, hash: string): Promise<TicketEntry | undefined> {
    const find = (): TicketEntry | undefined => ledger.get(usedKey(hash)) ?? ledger.get(hash)
    const known = find()
    if (known !== undefined) return known
    await writeShared(async () => ledger.reached((await this.#options.log.bounds()).head))
    return find()
  }

  /**
   * Lets in the stream that has opened with the ticket. It is known by its user agent and its URL, and by a
   * cursor of this log, which the URL does not show. The session that it comes from ends, on whichever node
   * it lives.
   */
  async #comeBack(asked: {
    readonly ledger: Ledger<TicketEntry>
    readonly hash: string
    readonly used: UsedEntry
    readonly request: PlainRequest
  }): Promise<Grant> {
    const { ledger, hash, used, request } = asked
    await this.#requireSame(used, request)
    const entry: UsedEntry = { ...used, turn: this.#drawTurn() }
    await writeShared(() => ledger.set(usedKey(hash), entry, { expiresAt: used.endsAt }))
    return addClaims(hash, entry)
  }

  /** Only the stream that has opened with a ticket comes back with it. */
  async #requireSame({ shown }: UsedEntry, request: PlainRequest): Promise<void> {
    const cursor = readShownCursor(request)
    const isShown = shown === describeStream(request) && cursor !== undefined
    if (isShown && (await this.#isOfLog(cursor))) return
    throw invalid('has been used, and by another stream than this one')
  }

  /** A thief of a URL can make a cursor up, but knows no epoch of a log that lets the thief read nothing. */
  async #isOfLog(cursor: Position): Promise<boolean> {
    const { log } = this.#options
    return writeShared(async () => {
      const { head } = await log.bounds()
      const { lost } = await log.read({ topics: noEvents, after: cursor, upTo: head, limit: 1 })
      return lost?.reason !== 'epoch'
    })
  }

  #drawTurn(): string {
    const { randomBytes = drawBytes } = this.#options
    return Buffer.from(randomBytes(9)).toString('base64url')
  }

  #follow(ledger: Ledger<TicketEntry>): void {
    ledger.onChange(({ key, value }) => {
      if (!key.startsWith(usedPrefix)) return
      const hash = key.slice(usedPrefix.length)
      this.#note(hash, value)
      if (value === undefined) return
      for (const listener of this.#listeners) listener(hash)
      void this.#forgetOldest(ledger)
    })
    for (const { key, value } of ledger.entries())
      if (key.startsWith(usedPrefix)) this.#note(key.slice(usedPrefix.length), value)
  }

  #note(hash: string, entry: TicketEntry | undefined): void {
    if (entry === undefined) this.#used.delete(hash)
    else this.#used.put(hash, Buffer.byteLength(ticketCodec.encode(entry)))
  }

  /**
   * Makes room for new tickets. An open stream whose ticket is forgotten goes on, and needs a new one when it
   * comes back.
   */
  async #forgetOldest(ledger: Ledger<TicketEntry>): Promise<void> {
    if (this.#isForgetting) return
    this.#isForgetting = true
    try {
      for (const hash of this.#used.listOldest()) await ledger.delete(usedKey(hash))
    } catch (error) {
      this.#options.warnings.set('Old tickets could not be forgotten', error)
    } finally {
      this.#isForgetting = false
    }
  }
}

const usedPrefix = 'used/'
/** Where a log is asked about a cursor alone: nothing is ever published there. */
const noEvents = parseTopicSet(['$hub/none'])

function usedKey(hash: string): string {
  return usedPrefix + hash
}

/** 128 bits, as the ticket. A ticket is random, so its hash needs no salt. */
function hashTicket(ticket: string): string {
  return createHash('sha256').update(ticket).digest('base64url').slice(0, 22)
}

function addClaims(hash: string, { grant, turn }: UsedEntry): Grant {
  return { ...grant, claims: { ...grant.claims, [ticketClaim]: hash, [turnClaim]: turn } }
}

/** The token of the ticket may hold for longer, and then its revocation has to as well. */
function endBefore(grant: Grant, endsAt: number): Grant {
  const { claims, expiresAt } = grant
  if (expiresAt === endsAt) return grant
  return { ...grant, expiresAt: endsAt, claims: { ...claims, [untilClaim]: expiresAt ?? true } }
}

function requireSmall(grant: Grant): void {
  const { length } = JSON.stringify(grant)
  if (length <= ticketGrantCharactersMax) return
  throw new AccessError(
    'TICKET_TOO_LARGE',
    `The grant of a ticket has ${ticketGrantCharactersMax} characters at most as JSON; got ${length}. Grant patterns in place of many topics.`,
  )
}

function requireOpening({ action, method, topics }: PlainRequest): void {
  if (action !== 'subscribe' || method !== 'GET' || topics.length === 0)
    throw invalid('opens a stream with GET, and is good for nothing else')
}

function requireShape(ticket: string): void {
  if (!/^[\w-]{22}$/.test(ticket)) throw invalid('is none that this server has handed out')
}

function invalid(text: string): AccessError {
  const detail = `The ticket ${text}. Trade your credential for a new one.`
  return refuseToken(detail, 'TICKET_INVALID')
}

function describeTooMany(): AccessError {
  return new AccessError(
    'TICKETS_TOO_MANY',
    `A credential is traded for ${ticketsOfCredentialMax} tickets within ${ticketUseMs / 1000} s at most. One ticket is enough for a stream and its reconnects.`,
  )
}
