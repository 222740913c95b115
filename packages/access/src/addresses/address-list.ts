// A list of addresses and networks: who is allowed, who is denied, which proxies are believed.

import { BlockList } from 'node:net'
import { quoteValue } from '@tidemark/wire/values'
import { AccessError } from '../errors.ts'
import { addressRangesMax } from '../limits.ts'
import { countingKey, parseIpAddress } from './ip-address.ts'
import type { IpAddress } from './ip-address.ts'

/** One address, or a network of addresses. */
export interface AddressRange {
  /** `192.0.2.1`, `192.0.2.0/24` or `2001:db8::/32`: the one form of it. */
  readonly text: string
  readonly address: string
  readonly family: 'ipv4' | 'ipv6'
  readonly prefix: number
}

/** Names that stand for several networks. */
const namedRanges: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1'],
}

/** Reads `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`. Undefined for anything else. */
export function parseAddressRange(given: string): AddressRange | undefined {
  const [base = '', bits, more] = given.split('/')
  const address = base.includes('%') ? undefined : parseIpAddress(base)
  if (address === undefined || more !== undefined) return undefined
  if (bits !== undefined && !/^\d{1,3}$/.test(bits)) return undefined
  const bitsMax = address.family === 'ipv4' ? 32 : 128
  // A network of IPv4 addresses may be written in IPv6: `::ffff:192.0.2.0/120` is a /24.
  const isMapped = address.family === 'ipv4' && base.includes(':')
  const prefix = bits === undefined ? bitsMax : Number(bits) - (isMapped ? 96 : 0)
  if (prefix < 0 || prefix > bitsMax) return undefined
  const text = describeRange(address, prefix, bitsMax)
  return { text, address: address.text, family: address.family, prefix }
}

function describeRange(address: IpAddress, prefix: number, bitsMax: number): string {
  if (prefix === bitsMax) return address.text
  // The unit in which addresses of IPv6 are counted and banned has one form.
  if (address.family === 'ipv6' && prefix === 64) return countingKey(address)
  return `${address.text}/${prefix}`
}

/** Addresses that are looked up. */
export class AddressList {
  /** The ranges in it. */
  readonly size: number
  readonly #list = new BlockList()

  constructor(ranges: readonly AddressRange[]) {
    this.size = ranges.length
    for (const { address, family, prefix } of ranges) this.#list.addSubnet(address, prefix, family)
  }

  has({ text, family }: IpAddress): boolean {
    return this.size > 0 && this.#list.check(text, family)
  }
}

/**
 * Makes a list of what an operator has written; `option` is its name, for messages.
 * @throws AccessError `ACCESS_OPTION_INVALID`
 */
export function readAddressList(option: string, given: readonly string[]): AddressList {
  const isList = Array.isArray(given) && given.every((entry) => typeof entry === 'string')
  if (!isList || given.length > addressRangesMax) {
    throw new AccessError(
      'ACCESS_OPTION_INVALID',
      `${option} is a list of at most ${addressRangesMax} addresses and networks; got ${quoteValue(given)}.`,
    )
  }
  const ranges = given.flatMap((entry) => namedRanges[entry] ?? [entry])
  return new AddressList(ranges.map((entry) => readRange(option, entry)))
}

function readRange(option: string, entry: string): AddressRange {
  const range = parseAddressRange(entry)
  if (range !== undefined) return range
  throw new AccessError(
    'ACCESS_OPTION_INVALID',
    `${option} has addresses such as 192.0.2.1, 192.0.2.0/24, 2001:db8::/32 or loopback; got ${quoteValue(entry)}.`,
  )
}

/** The machine itself. */
export const loopback: AddressList = readAddressList('loopback', ['loopback'])
