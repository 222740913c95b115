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
    {
      fault: `tls.cert ${files.cert} is not a certificate in PEM`,
      remedy: 'Give the path of a file that begins with -----BEGIN CERTIFICATE-----.',
    },
    () => new X509Certificate(cert),
  )
  const privateKey = parse(
    {
      fault: `tls.key ${files.key} is not a private key in PEM without a passphrase`,
      remedy:
        'Give the path of the file in PEM that belongs to the certificate; openssl pkey -in locked.pem -out key.pem takes a passphrase off.',
    },
    () => createPrivateKey(key),
  )
  if (certificate.checkPrivateKey(privateKey)) return { cert, key }
  throw new HubError(
    'TLS_UNUSABLE',
    `tls.key ${files.key} is not the key of the certificate ${files.cert}. Name the two files that were made together.`,
  )
}

function readFile(setting: string, path: string): Buffer {
  const fault = `Cannot read ${setting} ${path}`
  const remedy = 'Give the path of a file in PEM, and let the user the hub runs as read it.'
  return parse({ fault, remedy }, () => readFileSync(path))
}

interface Trouble {
  readonly fault: string
  readonly remedy: string
}

function parse<Result>({ fault, remedy }: Trouble, read: () => Result): Result {
  try {
    return read()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new HubError('TLS_UNUSABLE', `${fault}: ${reason}. ${remedy}`, { cause: error })
  }
}
