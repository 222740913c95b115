// What a hub without authentication refuses before it looks at anything else: names and pages that are not of this machine.

import type { IncomingMessage } from 'node:http'
import { HubError } from './errors.ts'
import { quote } from './quote.ts'

const safeMethods = ['GET', 'HEAD', 'OPTIONS']

/**
 * Refuses a `Host` that is not a loopback name. A page whose own name was rebound to 127.0.0.1 would otherwise count
 * as the hub's own origin and could read everything.
 * @throws HubError `HOST_FOREIGN`
 */
export function checkHost(request: IncomingMessage): void {
  const host = request.headers.host ?? ''
  if (isLoopbackName(nameOf(host))) return
  throw new HubError(
    'HOST_FOREIGN',
    `Without authentication the hub answers to localhost, 127.0.0.1 and [::1] only; got the host ${quote(host)}. Use one of those names.`,
  )
}

/**
 * Refuses a request of another origin's web page that would change something. Programs that are no browsers send
 * neither header and pass.
 * @throws HubError `CROSS_SITE`
 */
export function checkOrigin(request: IncomingMessage): void {
  if (safeMethods.includes(request.method ?? 'GET')) return
  const { origin, host, 'sec-fetch-site': site } = request.headers
  const isForeign =
    (typeof site === 'string' && site !== 'same-origin' && site !== 'none') ||
    (origin !== undefined && !isOwnOrigin(origin, host))
  if (!isForeign) return
  throw new HubError(
    'CROSS_SITE',
    `Without authentication a web page of another origin may not publish here; got the origin ${quote(origin ?? 'null')}. Publish from your server.`,
  )
}

/** Whether a host name (without port) stands for this machine only. */
export function isLoopbackName(name: string): boolean {
  const lower = name.toLowerCase().replace(/\.$/, '')
  if (lower === 'localhost' || lower.endsWith('.localhost')) return true
  return lower === '[::1]' || lower === '::1' || /^127(?:\.\d{1,3}){3}$/.test(lower)
}

function nameOf(host: string): string {
  return host.replace(/:\d*$/, '')
}

function isOwnOrigin(origin: string, host: string | undefined): boolean {
  return (
    host !== undefined &&
    URL.canParse(origin) &&
    new URL(origin).host === new URL(`http://${host}`).host
  )
}
