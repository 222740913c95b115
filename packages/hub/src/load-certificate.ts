// The certificate and the key of TLS, read and checked before the hub listens.

import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { HubError } from './errors.ts'

/** Where they are. */
export interface CertificateFiles {
  /** PEM: the certificate, then those of its issuers. */
  readonly cert: string
  /** PEM, without a passphrase. */
  readonly key: string
}

/** What TLS needs of them. */
export interface Certificate {
  readonly cert: Buffer
  readonly key: Buffer
}

/**
 * Reads both files.
 * @throws HubError `TLS_UNUSABLE` that names the file and says why
 */
export function loadCertificate(files: CertificateFiles): Certificate {
  const cert = readFile('tls.cert', files.cert)
  const key = readFile('tls.key', files.key)
  const certificate = parse(
    `tls.cert ${files.cert} is not a certificate in PEM`,
    () => new X509Certificate(cert),
  )
  const privateKey = parse(
    `tls.key ${files.key} is not a private key in PEM without a passphrase`,
    () => createPrivateKey(key),
  )
  if (certificate.checkPrivateKey(privateKey)) return { cert, key }
  throw new HubError(
    'TLS_UNUSABLE',
    `tls.key ${files.key} is not the key of the certificate ${files.cert}. Name the two files that were made together.`,
  )
}

function readFile(setting: string, path: string): Buffer {
  return parse(`Cannot read ${setting} ${path}`, () => readFileSync(path))
}

function parse<Result>(fault: string, read: () => Result): Result {
  try {
    return read()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new HubError('TLS_UNUSABLE', `${fault}: ${reason}.`, { cause: error })
  }
}
