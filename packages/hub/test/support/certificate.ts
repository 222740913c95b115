// A certificate of this machine's names that nobody has signed, made with openssl for the tests of a file.

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface TestCertificate {
  readonly cert: string
  readonly key: string
  /** The flags of a hub that speaks TLS with it. */
  readonly flags: Readonly<Record<string, string>>
  remove(): Promise<void>
}

export async function makeCertificate(): Promise<TestCertificate> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-tls-'))
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
  const what =
    '-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost'
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1'
  const files = ['-keyout', key, '-out', cert]
  await promisify(execFile)('openssl', ['req', ...what.split(' '), '-addext', names, ...files])
  return {
    cert,
    key,
    flags: { 'tls-cert': cert, 'tls-key': key },
    remove: () => rm(directory, { recursive: true }),
  }
}
