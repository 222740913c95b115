// Looks whether the files of a certificate have changed, and takes the new pair once it is whole. The files
// are read again and compared: no events, times or links of any file system are relied on.

import type { Clock, Timer } from '@tidemark/log'
import { certificateLookMs, certificateSettleMs } from './limits.ts'
import type { HeldCertificate } from './held-certificate.ts'
import type { Certificate } from './load-certificate.ts'

export interface CertificateWatchOptions {
  readonly held: HeldCertificate
  /** Reads what is there now; what is read may be half of a change. */
  readonly read: () => Promise<Certificate>
  /** Throws what is wrong with it. */
  readonly check: (certificate: Certificate) => void
  readonly clock: Clock
  /** Told of what an operator should know. */
  readonly say: (text: string) => void
}

/** A timer may run a little early by another clock. */
const timerMs = 10

/** For everybody who asks for readiness. The reason names files, and is for the operator. */
const notReloaded = 'The certificate could not be reloaded; the one before stays in use.'

/** The finding of one look: the pair, or why it cannot be read. */
type Found = { readonly certificate: Certificate } | { readonly error: unknown }

/** Watches the files of one hub. */
export class CertificateWatch {
  readonly #options: CertificateWatchOptions
  /** The files as they were judged last. */
  #judged: string
  /** Other files that the last look found, and when they were found first, by the clock's `elapsed`. */
  #changed: { readonly files: string; readonly sinceMs: number } | undefined
  #timer: Timer | undefined
  #isLooking = false
  /** Somebody asked for a look, and waits for an answer. */
  #isAsked = false
  /** Somebody asked while a look was going on, which may have read the file before its change. */
  #isAskedAgain = false
  #isStopped = false
  #toldDates: string | undefined
  /** Why the files that were judged last are not used. */
  #fault: string | undefined

  constructor(options: CertificateWatchOptions) {
    this.#options = options
    this.#judged = describe({ certificate: options.held.state.certificate })
    this.#tellDates()
    this.#lookLater(certificateLookMs)
  }

  /** Looks at once, and says what came of it. */
  askNow(): void {
    if (this.#isLooking) {
      this.#isAskedAgain = true
      return
    }
    this.#isAsked = true
    this.#lookLater(0)
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  #lookLater(delayMs: number): void {
    if (this.#isStopped) return
    this.#timer?.cancel()
    this.#timer = this.#options.clock.after(delayMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    this.#isLooking = true
    const found = await this.#read()
    this.#isLooking = false
    if (this.#isStopped) return
    this.#compare(found)
    this.#tellDates()
    if (this.#isAskedAgain) {
      this.#isAskedAgain = false
      this.askNow()
      return
    }
    const { trouble } = this.#options.held.state
    const isSettling = this.#changed !== undefined || trouble !== undefined
    this.#lookLater(isSettling ? certificateSettleMs : certificateLookMs)
  }

  async #read(): Promise<Found> {
    try {
      return { certificate: await this.#options.read() }
    } catch (error) {
      return { error }
    }
  }

  /**
   * Files are changed one after the other, and a file may be half written: a certificate whose issuers are
   * still missing is a good one. So a change counts when looks so far apart have found the same, however
   * often somebody asks in between.
   */
  #compare(found: Found): void {
    const files = describe(found)
    const nowMs = this.#options.clock.elapsed()
    if (files === this.#judged) {
      this.#changed = undefined
      if (this.#isAsked)
        this.#options.say(this.#fault ?? 'The certificate in use is that of the files.')
      this.#isAsked = false
    } else if (files !== this.#changed?.files) {
      this.#changed = { files, sinceMs: nowMs }
    } else if (nowMs - this.#changed.sinceMs >= certificateSettleMs - timerMs) {
      this.#changed = undefined
      this.#judged = files
      this.#isAsked = false
      this.#judge(found)
    }
  }

  #judge(found: Found): void {
    const { held, check, say } = this.#options
    const before = held.state.certificate
    try {
      if ('error' in found) throw found.error
      check(found.certificate)
      held.set({ certificate: found.certificate })
      this.#fault = undefined
    } catch (error) {
      held.set({ certificate: before, trouble: notReloaded })
      this.#fault = `${notReloaded} ${error instanceof Error ? error.message : String(error)}`
      say(this.#fault)
      return
    }
    const { names, validTo, fingerprint } = held.facts
    if (found.certificate.cert === before.cert) {
      say('The files of the certificate in use are in order again.')
      return
    }
    say(
      `A new certificate is in use for new connections: ${names.join(', ') || 'no names'}, until ${validTo}, SHA-256 ${fingerprint}. Open streams stay.`,
    )
  }

  /** Once for each certificate and each trouble with its dates. */
  #tellDates(): void {
    const { held, clock, say } = this.#options
    const dates = held.facts.describeDates(clock.now())
    const kind =
      dates === undefined ? undefined : `${held.facts.fingerprint} ${dates.split(' on ')[0]}`
    if (kind === this.#toldDates) return
    this.#toldDates = kind
    if (dates !== undefined) say(dates)
  }
}

function describe(found: Found): string {
  if ('error' in found) return `- ${String(found.error)}`
  const { cert, key } = found.certificate
  return `${cert}\0${key}`
}
