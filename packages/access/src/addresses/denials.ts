// Addresses that are refused on every node of a log. An operator has denied them at run time, or they are
// banned for a while because they were refused too often. A ledger keeps them over restarts.

import { openLedger } from '@tidemark/log'
import type { Clock, EventLog, Ledger } from '@tidemark/log'
import { quote } from '@tidemark/wire/values'
import { AccessError } from '../errors.ts'
import { bansMax, deniesMax, denyReasonCharactersMax } from '../limits.ts'
import { AddressList, parseAddressRange } from './address-list.ts'
import type { AddressRange } from './address-list.ts'
import { countingKey } from './ip-address.ts'
import type { IpAddress } from './ip-address.ts'

/** One address or network that is refused, and why. */
export interface Denial {
  /** `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/64`. */
  readonly address: string
  readonly kind: 'ban' | 'deny'
  readonly reason: string
  /** Milliseconds since 1970. */
  readonly since: number
  /** Milliseconds since 1970; undefined: until somebody deletes it. */
  readonly until: number | undefined
}

type Entry = Pick<Denial, 'reason' | 'since' | 'until'>

export interface DenialOptions {
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

/** Denies and bans, as this node's log holds them. */
export class Denials {
  readonly #ledger: Ledger<Entry>
  readonly #clock: Clock
  /** Those of one address or one /64, by address. */
  readonly #exact = new Map<string, Denial>()
  /** Those of other networks. */
  readonly #networks = new Map<string, { readonly denial: Denial; readonly list: AddressList }>()
  readonly #keys: Readonly<Record<Denial['kind'], Set<string>>> = {
    ban: new Set(),
    deny: new Set(),
  }
  /** All networks at once; undefined: to be made anew. */
  #anyNetwork: AddressList | undefined

  private constructor(ledger: Ledger<Entry>, clock: Clock) {
    this.#ledger = ledger
    this.#clock = clock
    for (const { key, value } of ledger.entries()) this.#file(key, value)
    ledger.onChange(({ key, value }) => {
      if (value === undefined) this.#takeOut(key)
      else this.#file(key, value)
    })
  }

  /** Reads what the log holds. */
  static async open(log: EventLog, { clock, onError }: DenialOptions): Promise<Denials> {
    const codec = { encode: JSON.stringify, decode: readEntry }
    return new Denials(await openLedger(log, 'addresses', { codec, clock, onError }), clock)
  }

  /** Why an address is refused; undefined: it is not. */
  find(address: IpAddress): Denial | undefined {
    if (this.#exact.size > 0) {
      const found = this.#exact.get(address.text) ?? this.#exact.get(countingKey(address))
      if (found !== undefined && this.#holds(found)) return found
    }
    if (this.#networks.size === 0) return undefined
    this.#anyNetwork ??= new AddressList(
      [...this.#networks.keys()].flatMap((text) => parseAddressRange(text) ?? []),
    )
    if (!this.#anyNetwork.has(address)) return undefined
    for (const { denial, list } of this.#networks.values())
      if (list.has(address) && this.#holds(denial)) return denial
    return undefined
  }

  /** All of one kind that hold now, the newest last. */
  list(kind: Denial['kind']): readonly Denial[] {
    const all = [...this.#exact.values(), ...[...this.#networks.values()].map((one) => one.denial)]
    return all
      .filter((denial) => denial.kind === kind && this.#holds(denial))
      .toSorted((a, b) => a.since - b.since)
  }

  /**
   * Denies an address or a network, on every node, from when this resolves; for good, or until a time.
   * @throws AccessError `ADDRESS_INVALID`, `ADDRESSES_FULL`; LogError
   */
  async deny(range: AddressRange, reason: string, until?: number): Promise<void> {
    if (reason === '' || reason.length > denyReasonCharactersMax || /[\p{Cc}]/u.test(reason)) {
      throw new AccessError(
        'ADDRESS_INVALID',
        `The reason of a deny has 1 to ${denyReasonCharactersMax} characters, and no control characters; got ${quote(reason)}.`,
      )
    }
    const key = keyOf('deny', range.text)
    if (!this.#keys.deny.has(key) && this.#keys.deny.size >= deniesMax) {
      throw new AccessError(
        'ADDRESSES_FULL',
        `At run time ${deniesMax} addresses and networks may be denied. Deny a network, or delete some.`,
      )
    }
    const entry = { reason, since: this.#clock.now(), until }
    await this.#ledger.set(key, entry, { expiresAt: until })
  }

  /** Bans an address for a while, on every node. Resolves to whether it is banned now. */
  async ban(address: string, reason: string, until: number): Promise<boolean> {
    const key = keyOf('ban', address)
    if (this.#ledger.get(key) !== undefined) return true
    if (this.#keys.ban.size >= bansMax) return false
    await this.#ledger.set(key, { reason, since: this.#clock.now(), until }, { expiresAt: until })
    return true
  }

  /** Ends the deny and the ban of an address or a network; resolves to whether there was one. */
  async remove(range: AddressRange): Promise<boolean> {
    const keys = (['deny', 'ban'] as const).map((kind) => keyOf(kind, range.text))
    const outcomes = await Promise.all(
      keys.map(async (key) => this.#ledger.get(key) !== undefined && this.#ledger.delete(key)),
    )
    return outcomes.includes(true)
  }

  /** Lets go of the log. */
  close(): void {
    this.#ledger.close()
  }

  #holds({ until }: Denial): boolean {
    return until === undefined || until > this.#clock.now()
  }

  #file(key: string, entry: Entry): void {
    const { kind, address } = readKey(key)
    const range = parseAddressRange(address)
    if (range === undefined) return
    this.#keys[kind].add(key)
    const denial = { ...entry, address, kind }
    if (isExact(range)) {
      // A deny outlasts a ban of the same address.
      if (kind === 'deny' || this.#exact.get(address)?.kind !== 'deny')
        this.#exact.set(address, denial)
      return
    }
    this.#networks.set(address, { denial, list: new AddressList([range]) })
    this.#anyNetwork = undefined
  }

  #takeOut(key: string): void {
    const { kind, address } = readKey(key)
    this.#keys[kind].delete(key)
    if (this.#exact.get(address)?.kind === kind) this.#exact.delete(address)
    if (this.#networks.delete(address)) this.#anyNetwork = undefined
    // The other kind may still hold.
    const other = keyOf(kind === 'ban' ? 'deny' : 'ban', address)
    const value = this.#ledger.get(other)
    if (value !== undefined) this.#file(other, value)
  }
}

function isExact({ family, prefix }: AddressRange): boolean {
  return family === 'ipv4' ? prefix === 32 : prefix === 128 || prefix === 64
}

function keyOf(kind: Denial['kind'], address: string): string {
  return `${kind} ${address}`
}

function readKey(key: string): { readonly kind: Denial['kind']; readonly address: string } {
  const [kind, address = ''] = key.split(' ', 2)
  return { kind: kind === 'ban' ? 'ban' : 'deny', address }
}

function readEntry(text: string): Entry {
  const value: unknown = JSON.parse(text)
  if (typeof value === 'object' && value !== null) {
    const { reason, since, until } = value as Readonly<Record<string, unknown>>
    const hasEnd = typeof until === 'number'
    if (typeof reason === 'string' && typeof since === 'number' && (hasEnd || until === undefined))
      return { reason, since, until }
  }
  throw new Error('An entry of denied addresses has a reason and a time.')
}
