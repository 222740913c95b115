// Which address a request comes from, where proxies stand in front.
//
// A proxy writes behind what it was sent: everything to the left of what a trusted proxy has written may be
// the client's own invention. So a header is read from its right end, one entry for each trusted proxy. The
// first address that is no trusted proxy is the client's.

import { isIPv4 } from 'node:net'
import { proxyHopsMax } from '../limits.ts'
import type { AddressList } from './address-list.ts'
import { parseIpAddress } from './ip-address.ts'
import type { IpAddress } from './ip-address.ts'

/** The header that the trusted proxies write. The other one is never read: a client may have sent it. */
export type ProxyHeader = 'forwarded' | 'x-forwarded-for'

export interface ProxyTrust {
  /** Proxies that are believed. */
  readonly proxies: AddressList
  readonly header: ProxyHeader
}

/**
 * The address of a client; undefined where the connection has none. `peer` is the other end of the
 * connection. An entry that is no address (`unknown`, `_hidden`) ends the way back: the address of the proxy
 * that wrote it counts.
 */
export function findClientAddress(
  peer: string | undefined,
  header: (name: string) => string | undefined,
  { proxies, header: name }: ProxyTrust,
): IpAddress | undefined {
  let current = peer === undefined ? undefined : parseIpAddress(peer)
  if (current === undefined || !proxies.has(current)) return current
  let rest = header(name)
  const [readAddress, findComma] =
    name === 'forwarded' ? [readForElement, lastBareComma] : [readNode, lastComma]
  for (let hops = 0; hops < proxyHopsMax && rest !== undefined; hops++) {
    const comma: number = findComma(rest)
    const next: IpAddress | undefined = readAddress(rest.slice(comma + 1).trim())
    if (next === undefined) return current
    current = next
    if (!proxies.has(current)) return current
    rest = comma === -1 ? undefined : rest.slice(0, comma)
  }
  return current
}

function lastComma(text: string): number {
  return text.lastIndexOf(',')
}

/**
 * The last comma outside of quotes, counted from the right end. A quote that a client has left open on the
 * left does not swallow what a proxy has written behind it.
 */
function lastBareComma(text: string): number {
  let isQuoted = false
  for (let at = text.length - 1; at >= 0; at--) {
    if (text[at] === '"') isQuoted = !isQuoted
    else if (text[at] === ',' && !isQuoted) return at
  }
  return -1
}

/** `for=192.0.2.1;proto=https;by=…` (RFC 7239 §4): the address of its one `for`. */
function readForElement(element: string): IpAddress | undefined {
  const values = splitBare(element).flatMap((pair) => {
    const [, value] = /^\s*for\s*=\s*(.*?)\s*$/i.exec(pair) ?? []
    return value === undefined ? [] : [value]
  })
  const [value, second] = values
  if (value === undefined || second !== undefined) return undefined
  const [, quoted] = /^"([^"\\]*)"$/.exec(value) ?? []
  // IPv6 and ports must be quoted (§4), as the colon is no part of a token.
  return readNode(quoted ?? value)
}

/** Parts between semicolons that stand outside of quotes. */
function splitBare(text: string): readonly string[] {
  return text.match(/(?:"[^"]*"|[^;"])+/g) ?? []
}

/** `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`. */
function readNode(node: string): IpAddress | undefined {
  const [, bracketed] = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(node) ?? []
  if (bracketed !== undefined) return isIPv4(bracketed) ? undefined : parseIpAddress(bracketed)
  const [, before] = /^([\d.]+):\d{1,5}$/.exec(node) ?? []
  return parseIpAddress(before ?? node)
}
