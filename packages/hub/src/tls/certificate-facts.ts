// The parts of a certificate that the hub itself needs to know: its names, its dates, and its signer.

import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { endWarningMs } from './limits.ts'
import { isLoopbackName } from '../loopback.ts'

const dayMs = 86_400_000

/** One certificate, read. */
export class CertificateFacts {
  /** Names and addresses it is for, as in a URL: `example.org`, `*.example.org`, `[::1]`. */
  readonly names: readonly string[]
  /** Nobody but its own key has signed it, so browsers do not trust it without being told. */
  readonly isSelfSigned: boolean
  /** As `tls.getPeerCertificate` and browsers show it. */
  readonly fingerprint: string
  readonly #certificate: X509Certificate

  constructor(cert: string) {
    const certificate = new X509Certificate(cert)
    this.#certificate = certificate
    this.names = listNames(certificate)
    this.isSelfSigned = certificate.verify(certificate.publicKey)
    this.fingerprint = certificate.fingerprint256
  }

  get validTo(): string {
    return this.#certificate.validTo
  }

  /** Whether a client that asked for this name (without a port) takes the certificate. */
  covers(name: string): boolean {
    const bare = name.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
    if (isIP(bare) !== 0) return this.#certificate.checkIP(bare) !== undefined
    if (!/^[a-z0-9._-]+$/i.test(bare)) return false
    return this.#certificate.checkHost(bare, { subject: 'never' }) !== undefined
  }

  /** Whether a developer's own host names are among its names. */
  get hasLoopbackNames(): boolean {
    return this.names.some((name) => isIP(name) === 0 && isLoopbackName(name))
  }

  /**
   * A warning about its dates: clients will refuse it, or will soon. Undefined when it is in date for a
   * while. It is no error: a hub that does not start serves nobody, not even those who do not look.
   */
  describeDates(nowMs: number): string | undefined {
    const { validFrom, validTo } = this.#certificate
    const [from, to] = [Date.parse(validFrom), Date.parse(validTo)]
    const remedy =
      'Renew it (the hub takes the new one by itself), or set the clock of this machine.'
    if (nowMs > to) return `The certificate has expired on ${validTo}. Clients refuse it. ${remedy}`
    if (nowMs < from)
      return `The certificate is not valid before ${validFrom}. Clients refuse it. ${remedy}`
    // A certificate for six days would be about to end all its life.
    if (to - nowMs > Math.min(endWarningMs, (to - from) / 3)) return undefined
    const days = Math.floor((to - nowMs) / dayMs)
    const left = days === 0 ? 'less than a day' : days === 1 ? 'a day' : `${days} days`
    return `The certificate ends on ${validTo}, in ${left}. Look why it was not renewed.`
  }
}

/** Only shapes that a name can have: what is quoted there, or has other letters, is none to go by. */
function listNames({ subjectAltName = '' }: X509Certificate): readonly string[] {
  return subjectAltName.split(', ').flatMap((entry) => {
    const [, name] = /^DNS:((?:\*\.)?[a-z0-9_-][a-z0-9._-]*)$/i.exec(entry) ?? []
    if (name !== undefined) return [name.toLowerCase()]
    const [, address = ''] = /^IP Address:([0-9a-f.:]+)$/i.exec(entry) ?? []
    if (isIP(address) === 0) return []
    return [isIP(address) === 6 ? new URL(`http://[${address}]`).hostname : address]
  })
}
