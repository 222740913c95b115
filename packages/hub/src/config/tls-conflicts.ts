// Settings of TLS that contradict each other, or are for nothing.

import type { Fault } from './fault.ts'
import type { HubConfig } from './hub-config.ts'

/** One fault for each. */
export function findTlsConflicts({ tls, port }: HubConfig): readonly Fault[] {
  if (tls === undefined) return []
  const { source, cert, hsts, redirectPort } = tls
  if (source === 'self-signed' && cert !== '') {
    const wanted =
      'must be files where tls.cert and tls.key name a certificate (leave it out, or those two)'
    return [fault('source', wanted, source)]
  }
  const needs = 'must come with a certificate (give tls.cert and tls.key, or --tls self-signed)'
  const isNone = source === 'files' && cert === ''
  if (isNone && redirectPort !== undefined) return [fault('redirectPort', needs, redirectPort)]
  if (isNone && !hsts) return [fault('hsts', needs, hsts)]
  if (redirectPort !== undefined && redirectPort === port && port !== 0) {
    return [fault('redirectPort', 'must be another port than the one with TLS', redirectPort)]
  }
  return []
}

function fault(name: string, wanted: string, got: unknown): Fault {
  return { kind: 'unfit', path: ['tls', name], wanted, got }
}
