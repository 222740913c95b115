// A certificate for the tests of a file, in a directory of its own.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificate as makeCertificateIn } from '@tidemark/testkit'

export interface TestCertificate {
  readonly cert: string
  readonly key: string
  /** The flags of a hub that speaks TLS with it. */
  readonly flags: Readonly<Record<string, string>>
  remove(): Promise<void>
}

export async function makeCertificate(): Promise<TestCertificate> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-tls-'))
  const { cert, key } = await makeCertificateIn(directory)
  return {
    cert,
    key,
    flags: { 'tls-cert': cert, 'tls-key': key },
    remove: () => rm(directory, { recursive: true }),
  }
}
