// Certificates for names of one's own, by an authority that is made for the test (openssl).

import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Two files in PEM. */
export interface IssuedPair {
  readonly cert: string
  readonly key: string
}

export interface Authority {
  /** Its own certificate, which clients trust. */
  readonly ca: string
  /** Makes a key and signs its certificate for these names: `DNS:example.org,IP:127.0.0.1`. */
  issue(name: string, names: string, days?: number): Promise<IssuedPair>
  remove(): Promise<void>
}

const curve = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'.split(' ')

export async function makeAuthority(): Promise<Authority> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-pki-'))
  const at = (name: string): string => join(directory, name)
  const [ca, caKey] = [at('ca.pem'), at('ca-key.pem')]
  const own = ['-x509', '-days', '30', '-subj', '/CN=Test authority', '-keyout', caKey, '-out', ca]
  await run('openssl', ['req', ...curve, ...own])
  return {
    ca,
    issue: async (name, names, days = 60) => {
      const [cert, key, request, extensions] = [
        at(`${name}.pem`),
        at(`${name}-key.pem`),
        at(`${name}.csr`),
        at(`${name}.ext`),
      ]
      await writeFile(extensions, `subjectAltName=${names}\n`)
      await run('openssl', [
        'req',
        ...curve,
        '-subj',
        `/CN=${name}`,
        '-keyout',
        key,
        '-out',
        request,
      ])
      const signing = ['-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-days', String(days)]
      const files = ['-in', request, '-extfile', extensions, '-out', cert]
      await run('openssl', ['x509', '-req', ...signing, ...files])
      return { cert, key }
    },
    remove: () => rm(directory, { recursive: true }),
  }
}

/** Copies over both files, the certificate first. */
export async function overwrite(from: IssuedPair, to: IssuedPair): Promise<void> {
  await copyFile(from.cert, to.cert)
  await copyFile(from.key, to.key)
}
