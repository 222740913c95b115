// Settings of the cookie that contradict each other: browsers drop such a cookie without a word.

import type { Fault } from './fault.ts'
import type { HubConfig } from './hub-config.ts'

/** One fault for each. */
export function findSessionConflicts({ auth, cookie }: HubConfig): readonly Fault[] {
  const { secure, sameSite, domain, path } = cookie
  const faults: Fault[] = []
  const add = (name: string, wanted: string, got: unknown): void => {
    faults.push({ kind: 'unfit', path: name.split('.'), wanted, got })
  }
  if (domain !== '' && !/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i.test(domain))
    add('cookie.domain', 'must be a host name such as example.org', domain)
  if (!/^\/[\x21-\x3a\x3c-\x7e]{0,1023}$/.test(path))
    add('cookie.path', 'must begin with / and hold no ; and no space', path)
  if (sameSite === 'None' && !secure) {
    const wanted = 'must be Lax or Strict with cookie.secure false, or browsers drop the cookie'
    add('cookie.sameSite', wanted, sameSite)
  }
  const prefix = /^__(?:host|secure)-/i.exec(auth.cookie)?.[0].toLowerCase()
  if (prefix !== undefined && !secure)
    add('auth.cookie', 'must have no prefix with cookie.secure false', auth.cookie)
  if (prefix === '__host-' && (domain !== '' || path !== '/')) {
    const wanted =
      'must begin with __Secure-, or with no prefix, beside cookie.domain or cookie.path'
    add('auth.cookie', wanted, auth.cookie)
  }
  return faults
}
