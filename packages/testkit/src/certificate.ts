// A certificate of this machine's names that nobody has signed, made with openssl.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** Files in PEM. */
export interface TestCertificate {
  readonly cert: string
  readonly key: string
  /** The flags of a hub process that speaks TLS with it. */
  readonly args: readonly string[]
}

/** Writes one into a directory. */
export async function makeCertificate(directory: string): Promise<TestCertificate> {
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
  const what =
    '-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost'
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1'
  const files = ['-keyout', key, '-out', cert]
  await promisify(execFile)('openssl', ['req', ...what.split(' '), '-addext', names, ...files])
  return { cert, key, args: [`--tls-cert=${cert}`, `--tls-key=${key}`] }
}
