// The certificate and the key of TLS, read and checked before the hub listens.

import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { HubError } from './errors.ts'

/** Where they are. */
export interface CertificateFiles {
  /** PEM: the certificate, then those of its issuers. */
  readonly cert: string
  /** PEM, without a passphrase. */
  readonly key: string
}

/** The parts of the files that TLS needs. */
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
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new HubError(
      'TLS_UNUSABLE',
      `tls.key ${files.key} is not the key of the certificate ${files.cert}. Name the two files that were made together.`,
    )
  }
  parse(
    {
      fault: `TLS cannot be spoken with tls.cert ${files.cert}`,
      remedy: 'Have one made with an RSA key of 2048 bits or more, or an elliptic curve.',
    },
    () => createSecureContext({ cert, key }),
  )
  return { cert, key }
}

/**
 * A warning about a certificate that most clients will refuse for its dates; undefined when it is in
 * date. It is no error: a hub that does not start serves nobody, not even those who do not look.
 */
export function describeDates({ cert }: Certificate, nowMs: number): string | undefined {
  const { validFrom, validTo } = new X509Certificate(cert)
  const remedy =
    'Clients will refuse it. Renew it and start the hub again, or set the clock of this machine.'
  if (nowMs > Date.parse(validTo)) return `tls.cert has expired on ${validTo}. ${remedy}`
  if (nowMs < Date.parse(validFrom)) return `tls.cert is not valid before ${validFrom}. ${remedy}`
  return undefined
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
