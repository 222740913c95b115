// Where webhooks may be sent: the internet, and this machine and its networks only where that is allowed. A
// URL is somebody's wish, and a hub reaches what strangers do not.

import { lookup as resolveName } from 'node:dns'
import type { LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { networkInterfaces } from 'node:os'
import { parseIpAddress, readAddressList } from '@tidemark/access/hub'
import type { AddressList, IpAddress } from '@tidemark/access/hub'

/** IPv4 that is nobody's on the internet (IANA's registry of special-purpose addresses). */
const specialV4 = readAddressList('special', [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  // Link-local, with the metadata of clouds at 169.254.169.254.
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  // Multicast, and what is reserved behind it.
  '224.0.0.0/3',
])

/** All that is routed on the internet. Loopback, link-local, unique local and multicast are beside it. */
const globalV6 = readAddressList('global', ['2000::/3'])

/** Parts of it that are special: some carry an IPv4 address, which could be any. */
const specialV6 = readAddressList('special', [
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
])

/** An address that a webhook is not sent to. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'
}

/** Whether an address belongs to this machine, to a network around it, or to nobody. */
export function isPrivateAddress(address: IpAddress): boolean {
  if (ownAddresses().has(address)) return true
  if (address.family === 'ipv4') return specialV4.has(address)
  return !globalV6.has(address) || specialV6.has(address)
}

/** Public ones of this machine too: what listens there is not meant for the internet because of that. */
function ownAddresses(): AddressList {
  const texts = Object.values(networkInterfaces()).flatMap((own) =>
    (own ?? []).flatMap(({ address }) => parseIpAddress(address)?.text ?? []),
  )
  return readAddressList('own', texts.slice(0, 1_000))
}

/** The address that a URL names itself; undefined for a name. `new URL` has read `127.1` and `0x7f.1`. */
export function literalAddress({ hostname }: URL): IpAddress | undefined {
  return parseIpAddress(hostname.replace(/^\[(.*)\]$/, '$1'))
}

/**
 * Refuses a URL that names such an address itself, which no lookup would see.
 * @throws AddressRefused
 */
export function checkLiteral(url: URL): void {
  const address = literalAddress(url)
  if (address !== undefined && isPrivateAddress(address)) throw refuse(url.hostname, address.text)
}

/**
 * The lookup of a connection: it connects to the addresses that were checked, and nothing is resolved again.
 * A name one of whose addresses is refused is refused.
 */
export const lookupPublic: LookupFunction = (hostname, options, done) => {
  resolveName(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return done(error, [])
    const refused = findPrivate(addresses)
    if (refused !== undefined) return done(refuse(hostname, refused), [])
    if (options.all === true) return done(null, addresses)
    const [first] = addresses
    if (first === undefined) return done(refuse(hostname, 'no address'), [])
    done(null, first.address, first.family)
  })
}

function findPrivate(addresses: readonly LookupAddress[]): string | undefined {
  return addresses.find(({ address }) => {
    const parsed = parseIpAddress(address)
    return parsed === undefined || isPrivateAddress(parsed)
  })?.address
}

function refuse(hostname: string, address: string): AddressRefused {
  return new AddressRefused(
    `${hostname} is ${address}, an address of this machine or of a network around it. Allow it with allowPrivate.`,
  )
}
