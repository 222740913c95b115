// The certificate and the key of TLS, read from their files and checked before anybody is served with them.

import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { HubError } from '../errors.ts'
import { certificateBytesMax } from './limits.ts'

/** Where they are. */
export interface CertificateFiles {
  /** PEM: the certificate, then those of its issuers. */
  readonly cert: string
  /** PEM, without a passphrase. */
  readonly key: string
}

/** Both in PEM, as texts, so that workers can be sent them. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/**
 * Reads and checks both files.
 * @throws HubError `TLS_UNUSABLE` that names the file and says why
 */
export function loadCertificate(files: CertificateFiles): Certificate {
  const read = (setting: 'cert' | 'key'): string =>
    parse(describeUnreadable(setting, files), () => {
      requireSmall(statSync(files[setting]))
      return readFileSync(files[setting], 'latin1')
    })
  const certificate = { cert: read('cert'), key: read('key') }
  checkCertificate(certificate, files)
  return certificate
}

/** Whether both can be read more than once. */
export function areRegular({ cert, key }: CertificateFiles): boolean {
  return [cert, key].every((path) => statSync(path).isFile())
}

/**
 * Reads both files and does not check them. A file system that hangs keeps nobody else waiting.
 * @throws HubError `TLS_UNUSABLE`
 */
export async function readCertificate(files: CertificateFiles): Promise<Certificate> {
  const read = async (setting: 'cert' | 'key'): Promise<string> => {
    try {
      const stats = await stat(files[setting])
      // Opening a pipe waits for somebody who writes into it.
      if (!stats.isFile()) throw new Error('it is no regular file any more')
      requireSmall(stats)
      return await readFile(files[setting], 'latin1')
    } catch (error) {
      throw unusable(describeUnreadable(setting, files), error)
    }
  }
  const [cert, key] = await Promise.all([read('cert'), read('key')])
  return { cert, key }
}

/**
 * Checks that the two belong together and that TLS can be spoken with them.
 * @throws HubError `TLS_UNUSABLE` that names the file and says why
 */
export function checkCertificate({ cert, key }: Certificate, files: CertificateFiles): void {
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
}

function requireSmall({ size }: Stats): void {
  if (size <= certificateBytesMax) return
  throw new Error(`it has ${size} bytes, and at most ${certificateBytesMax} are read`)
}

function describeUnreadable(setting: 'cert' | 'key', files: CertificateFiles): Trouble {
  return {
    fault: `Cannot read tls.${setting} ${files[setting]}`,
    remedy: 'Give the path of a file in PEM, and let the user the hub runs as read it.',
  }
}

interface Trouble {
  readonly fault: string
  readonly remedy: string
}

function parse<Result>(trouble: Trouble, read: () => Result): Result {
  try {
    return read()
  } catch (error) {
    throw unusable(trouble, error)
  }
}

function unusable({ fault, remedy }: Trouble, error: unknown): HubError {
  const reason = error instanceof Error ? error.message : String(error)
  return new HubError('TLS_UNUSABLE', `${fault}: ${reason}. ${remedy}`, { cause: error })
}
