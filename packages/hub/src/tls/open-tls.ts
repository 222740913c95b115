// TLS of a hub, in the process that owns its ports: the certificate, the watch over it, and the port that
// redirects.

import { systemClock } from '@tidemark/log'
import type { HubConfig, TlsConfig } from '../config/hub-config.ts'
import { findDataDirectory } from '../config/load-config.ts'
import { reportDroppedConnections } from '../dropped-connections.ts'
import type { HttpServer } from '../http-server.ts'
import type { Hub, RunningHub } from '../hub.ts'
import { listen } from '../listen.ts'
import { CertificateWatch } from './certificate-watch.ts'
import { HeldCertificate } from './held-certificate.ts'
import {
  areRegular,
  checkCertificate,
  loadCertificate,
  readCertificate,
} from './load-certificate.ts'
import type { Certificate } from './load-certificate.ts'
import { createRedirectServer } from './redirect-server.ts'
import { OwnCertificate } from './self-signed.ts'

/** Reads the certificate, or makes it. @throws HubError `TLS_UNUSABLE` */
export function openTls(config: HubConfig, say: (text: string) => void): Tls | undefined {
  const { tls } = config
  return tls === undefined ? undefined : new Tls(config, tls, say)
}

/** The certificate of one hub, and what goes on around it. */
export class Tls {
  readonly held: HeldCertificate
  readonly #config: HubConfig
  readonly #say: (text: string) => void
  readonly #watch: CertificateWatch
  readonly #redirectPort: number | undefined
  #redirect: HttpServer | undefined

  constructor(config: HubConfig, tls: TlsConfig, say: (text: string) => void) {
    this.#config = config
    this.#say = say
    this.#redirectPort = tls.redirectPort
    const source = tls.source === 'self-signed' ? makeOwn(config, say) : readFiles(tls)
    this.held = new HeldCertificate({ certificate: source.first })
    if (tls.source === 'self-signed') {
      say(
        `TLS with a certificate that this hub has signed itself, for development: browsers ask once. Its SHA-256 is ${this.held.facts.fingerprint}.`,
      )
    }
    this.#watch = new CertificateWatch({ ...source, held: this.held, clock: systemClock, say })
  }

  /** Opens the port that redirects. @throws HubError `PORT_IN_USE`, `ADDRESS_UNUSABLE` */
  async redirectTo(hub: RunningHub): Promise<void> {
    if (this.#redirectPort === undefined) return
    const server = createRedirectServer({ held: this.held, url: hub.url, clock: systemClock })
    try {
      const { host } = this.#config
      const place = { host, port: this.#redirectPort, flag: '--tls-redirect-port' }
      const url = await listen(server, place)
      this.#say(`Requests to ${url} are redirected to https.`)
      const say = (text: string): void => this.#say(`Of the port that redirects: ${text}`)
      reportDroppedConnections(server, { clock: systemClock, say })
      this.#redirect = server
    } catch (error) {
      await hub.close()
      throw error
    }
  }

  /** The hub with this TLS: it looks for another certificate when told to, and takes all down with it. */
  wrap(hub: RunningHub): Hub {
    const { url, isLocked, failed } = hub
    const stop = (): void => this.stop()
    return {
      url,
      isLocked,
      failed,
      reload: () => this.#watch.askNow(),
      drain: () => hub.drain().finally(stop),
      close: () => hub.close().finally(stop),
    }
  }

  stop(): void {
    this.#watch.stop()
    this.#redirect?.close()
    this.#redirect?.closeAllConnections()
  }
}

/** Where certificates come from: the first, and later ones. */
interface CertificateSource {
  readonly first: Certificate
  readonly read: () => Promise<Certificate>
  readonly check: (certificate: Certificate) => void
}

function readFiles(files: TlsConfig): CertificateSource {
  const first = loadCertificate(files)
  return {
    first,
    // A pipe, such as a shell's `<(…)`, gives what is in it once.
    read: areRegular(files) ? () => readCertificate(files) : async () => first,
    check: (certificate) => checkCertificate(certificate, files),
  }
}

function makeOwn({ data, host }: HubConfig, say: (text: string) => void): CertificateSource {
  const own = new OwnCertificate({ directory: findDataDirectory(data), host, say }, systemClock)
  return { first: own.newest, read: async () => own.newest, check: () => undefined }
}
