// The certificate in use, of which its users are told when it changes.

import { CertificateFacts } from './certificate-facts.ts'
import type { Certificate } from './load-certificate.ts'

/** The process that reads the files tells this to the others. */
export interface CertificateState {
  readonly certificate: Certificate
  /** Why newer files are not used. */
  readonly trouble?: string | undefined
}

/** Holds the newest certificate that can be used. */
export class HeldCertificate {
  #state: CertificateState
  #facts: CertificateFacts
  readonly #listeners: (() => void)[] = []

  constructor(state: CertificateState) {
    this.#state = state
    this.#facts = new CertificateFacts(state.certificate.cert)
  }

  get state(): CertificateState {
    return this.#state
  }

  get facts(): CertificateFacts {
    return this.#facts
  }

  /** Takes another one, or the trouble with another one. */
  set(state: CertificateState): void {
    this.#facts = new CertificateFacts(state.certificate.cert)
    this.#state = state
    for (const listener of this.#listeners) listener()
  }

  /** Calls `listener` after each change. */
  follow(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** For readiness. */
  listWarnings(nowMs: number): readonly string[] {
    const dates = this.#facts.describeDates(nowMs)
    const { trouble } = this.#state
    return [trouble, dates].filter((text) => text !== undefined)
  }
}
