// Whether requests of an address are let in at all: the lists of the configuration, then what was denied or
// banned at run time. Allow beats deny.

import { AccessError } from '../errors.ts'
import { loopback } from './address-list.ts'
import type { AddressList } from './address-list.ts'
import type { Denials } from './denials.ts'
import type { IpAddress } from './ip-address.ts'

export interface AddressGateOptions {
  readonly allow: AddressList
  readonly deny: AddressList
  /** They carry other people's requests, and are never banned. */
  readonly proxies: AddressList
  readonly denials: Denials
}

/** Asked for each request before anything else of it is looked at. */
export class AddressGate {
  readonly #options: AddressGateOptions

  constructor(options: AddressGateOptions) {
    this.#options = options
  }

  /**
   * Refuses an address. One that is not known (a socket of the file system) is let in.
   * @throws AccessError `ADDRESS_DENIED`
   */
  check(address: IpAddress | undefined): void {
    const { allow, deny, denials } = this.#options
    if (address === undefined || allow.has(address)) return
    if (deny.has(address)) {
      throw new AccessError(
        'ADDRESS_DENIED',
        `The configuration denies requests of ${address.text}. Ask the operator.`,
      )
    }
    const denial = denials.find(address)
    // A proxy may have an address of the /64 that was banned.
    if (denial === undefined || (denial.kind === 'ban' && !this.mayBan(address))) return
    const { until, reason } = denial
    if (until === undefined) {
      throw new AccessError(
        'ADDRESS_DENIED',
        `Requests of ${denial.address} are denied: ${reason}. Ask the operator.`,
      )
    }
    throw new AccessError(
      'ADDRESS_DENIED',
      `Requests of ${denial.address} are denied until ${new Date(until).toISOString()}: ${reason}. Come back then, or ask the operator.`,
    )
  }

  /** Whether an address may be banned without a person's word. */
  mayBan(address: IpAddress): boolean {
    const { allow, proxies } = this.#options
    return !loopback.has(address) && !proxies.has(address) && !allow.has(address)
  }
}
