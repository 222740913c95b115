// `Strict-Transport-Security` (RFC 6797): a browser that was told once asks by https only, for a year. So
// the hub says it where that cannot lock a developer out of other servers of the same name.

import type { NodeRequest, NodeResponse } from '@tidemark/server/node'
import { isLoopbackName } from '../loopback.ts'
import type { HeldCertificate } from './held-certificate.ts'

const field = 'Strict-Transport-Security'
const value = 'max-age=31536000; includeSubDomains'

/** Decides for one hub. */
export class StrictTransport {
  readonly #held: HeldCertificate

  constructor(held: HeldCertificate) {
    this.#held = held
  }

  /** Sets it on the answer to a request, by the name that was asked. */
  mark({ headers }: NodeRequest, response: NodeResponse): void {
    const { [':authority']: authority = headers.host } = headers
    if (typeof authority === 'string' && this.#isFor(authority.replace(/:\d*$/, '')))
      response.setHeader(field, value)
  }

  /** For answers to bytes that are no request: nobody knows by which name they were sent. */
  get headers(): Readonly<Record<string, string>> {
    const { isSelfSigned, hasLoopbackNames, names } = this.#held.facts
    return isSelfSigned || hasLoopbackNames || names.length === 0 ? {} : { [field]: value }
  }

  /** For names of the certificate only: a browser believes it nowhere else (§8.1). */
  #isFor(name: string): boolean {
    const { facts } = this.#held
    return !facts.isSelfSigned && !isLoopbackName(name) && facts.covers(name)
  }
}
