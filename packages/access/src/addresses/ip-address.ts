// IP addresses as texts of one form each, so that an address is one key however it was written.

import { SocketAddress, isIPv4, isIPv6 } from 'node:net'

/** An IP address in its one form. An IPv4 address that comes in IPv6 (`::ffff:192.0.2.1`) is IPv4. */
export interface IpAddress {
  readonly text: string
  readonly family: 'ipv4' | 'ipv6'
}

const mappedPrefix = '::ffff:'

/** Undefined for a text that is no IP address. A zone (`fe80::1%eth0`) is left out. */
export function parseIpAddress(given: string): IpAddress | undefined {
  if (isIPv4(given)) return { text: given, family: 'ipv4' }
  const bare = given.split('%', 1)[0] ?? ''
  if (!isIPv6(bare)) return undefined
  // As the system writes it: `::ffff:c000:201` becomes `::ffff:192.0.2.1`.
  const { address } = new SocketAddress({ address: bare, family: 'ipv6' })
  const inner = address.startsWith(mappedPrefix) ? address.slice(mappedPrefix.length) : ''
  return isIPv4(inner) ? { text: inner, family: 'ipv4' } : { text: address, family: 'ipv6' }
}

/**
 * The key that an address is counted by. One household or one machine has at least a /64 of IPv6, and may
 * use all of its addresses; so a /64 counts as one.
 */
export function countingKey({ text, family }: IpAddress): string {
  return family === 'ipv4' || text === '::1' ? text : `${networkOf(text)}::/64`
}

/** The first four groups, without zeros at the end, as `::/64` stands for them. */
function networkOf(text: string): string {
  const [head = '', tail] = text.split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  // The last two groups may be written as IPv4 (`::192.0.2.1`).
  const isDotted = last.at(-1)?.includes('.') === true
  const missing = tail === undefined ? 0 : 8 - first.length - last.length - (isDotted ? 1 : 0)
  const groups = [...first, ...Array.from({ length: missing }, () => '0'), ...last].slice(0, 4)
  while (groups.at(-1) === '0') groups.pop()
  return groups.join(':')
}
