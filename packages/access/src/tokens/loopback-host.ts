// Which host of a URL is this machine itself, so that nobody else sees what goes there.

import { isIPv4 } from 'node:net'

/** @param hostname of a parsed URL, which writes `127.1` as `127.0.0.1`, and IPv6 in brackets. */
export function isLoopbackHost(hostname: string): boolean {
  if (hostname === 'localhost' || hostname === '[::1]') return true
  return isIPv4(hostname) && hostname.startsWith('127.')
}
