// The files of a certificate while they are changed, in each way in which that is done.

import {
  copyFile,
  mkdir,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createFakeClock } from '@tidemark/testkit'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { certificateLookMs, certificateSettleMs } from '../src/tls/limits.ts'
import { CertificateWatch } from '../src/tls/certificate-watch.ts'
import { HeldCertificate } from '../src/tls/held-certificate.ts'
import { checkCertificate, loadCertificate, readCertificate } from '../src/tls/load-certificate.ts'
import { makeAuthority, overwrite } from './support/pki.ts'
import type { Authority, IssuedPair } from './support/pki.ts'
import { makeDirectory } from './support/test-hub.ts'

let authority: Authority
let first: IssuedPair
let second: IssuedPair

beforeAll(async () => {
  authority = await makeAuthority()
  first = await authority.issue('first', 'DNS:example.org')
  second = await authority.issue('second', 'DNS:example.org,DNS:www.example.org')
})

afterAll(() => authority.remove())

/** The state of the files: the fingerprint of the certificate in them. */
async function fingerprintOf({ cert }: IssuedPair): Promise<string> {
  return new X509Certificate(await readFile(cert)).fingerprint256
}

interface Watched {
  readonly held: HeldCertificate
  readonly lines: readonly string[]
  /** Has the watch look once after `ms`, and waits for the end of it. */
  readonly look: (ms: number) => Promise<void>
  readonly watch: CertificateWatch
}

async function watchFiles(files: IssuedPair): Promise<Watched> {
  const clock = createFakeClock(Date.now())
  const lines: string[] = []
  const held = new HeldCertificate({ certificate: loadCertificate(files) })
  const watch = new CertificateWatch({
    held,
    read: () => readCertificate(files),
    check: (certificate) => checkCertificate(certificate, files),
    clock,
    say: (text) => lines.push(text),
  })
  onTestFinished(() => watch.stop())
  return {
    held,
    lines,
    watch,
    look: async (ms) => {
      clock.advance(ms)
      await expect.poll(() => clock.pending).toBe(1)
    },
  }
}

async function copyFirst(): Promise<IssuedPair> {
  const directory = await makeDirectory()
  const files = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') }
  await overwrite(first, files)
  return files
}

interface Layout {
  readonly files: IssuedPair
  /** Puts the second pair in the place of the first. */
  readonly change: () => Promise<void>
}

/** The ways in which certificates are renewed, by who does it so. */
const ways: Readonly<Record<string, () => Promise<Layout>>> = {
  'links that point to new files one after the other (certbot)': async () => {
    const directory = await makeDirectory()
    const [live, archive] = [join(directory, 'live'), join(directory, 'archive')]
    await Promise.all([mkdir(live), mkdir(archive)])
    const point = async (number: number, pair: IssuedPair): Promise<void> => {
      for (const [name, path] of [
        ['fullchain', pair.cert],
        ['privkey', pair.key],
      ] as const) {
        await copyFile(path, join(archive, `${name}${number}.pem`))
        await rm(join(live, `${name}.pem`), { force: true })
        await symlink(`../archive/${name}${number}.pem`, join(live, `${name}.pem`))
      }
    }
    await point(1, first)
    return {
      files: { cert: join(live, 'fullchain.pem'), key: join(live, 'privkey.pem') },
      change: () => point(2, second),
    }
  },
  'files that are written over (cp, scp)': async () => {
    const files = await copyFirst()
    return { files, change: () => overwrite(second, files) }
  },
  'files that are renamed over (acme.sh, lego)': async () => {
    const files = await copyFirst()
    const change = async (): Promise<void> => {
      const next = { cert: `${files.cert}.new`, key: `${files.key}.new` }
      await overwrite(second, next)
      await rename(next.key, files.key)
      await rename(next.cert, files.cert)
    }
    return { files, change }
  },
  'a directory that is swapped behind a link (a secret of Kubernetes)': async () => {
    const directory = await makeDirectory()
    const fill = async (name: string, pair: IssuedPair): Promise<void> => {
      const own = join(directory, name)
      await mkdir(own)
      await overwrite(pair, { cert: join(own, 'tls.crt'), key: join(own, 'tls.key') })
    }
    await fill('..2026_1', first)
    await symlink('..2026_1', join(directory, '..data'))
    for (const name of ['tls.crt', 'tls.key'])
      await symlink(`..data/${name}`, join(directory, name))
    const change = async (): Promise<void> => {
      await fill('..2026_2', second)
      await symlink('..2026_2', join(directory, '..data_tmp'))
      await rename(join(directory, '..data_tmp'), join(directory, '..data'))
      await rm(join(directory, '..2026_1'), { recursive: true })
    }
    return { files: { cert: join(directory, 'tls.crt'), key: join(directory, 'tls.key') }, change }
  },
}

describe.each(Object.entries(ways))('%s', (_, plan) => {
  test('are taken at the second look that finds the same, and told once', async () => {
    const { files, change } = await plan()
    const { held, lines, look } = await watchFiles(files)
    await look(certificateLookMs)
    await change()
    await look(certificateLookMs)
    expect(held.facts.fingerprint).toBe(await fingerprintOf(first))
    await look(certificateSettleMs)
    expect(held.facts.fingerprint).toBe(await fingerprintOf(second))
    for (let i = 0; i < 3; i++) await look(certificateLookMs)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^A new certificate is in use for new .*: example\.org, www\.example/)
    expect(lines[0]).toContain(held.facts.fingerprint)
  })
})

test('half of a change is neither taken nor told: a key that is still the one before', async () => {
  const files = await copyFirst()
  const { held, lines, look } = await watchFiles(files)
  await copyFile(second.cert, files.cert)
  await look(certificateLookMs)
  await copyFile(second.key, files.key)
  await look(certificateSettleMs)
  expect(held.facts.fingerprint).toBe(await fingerprintOf(first))
  await look(certificateSettleMs)
  expect(held.facts.fingerprint).toBe(await fingerprintOf(second))
  expect(held.listWarnings(Date.now())).toEqual([])
  expect(lines.filter((line) => line.includes('could not'))).toEqual([])
})

test('a chain that is still being written is not taken, though its first certificate is whole', async () => {
  const files = await copyFirst()
  const { held, look } = await watchFiles(files)
  const leaf = await readFile(second.cert, 'latin1')
  await copyFile(second.key, files.key)
  await writeFile(files.cert, leaf)
  await look(certificateLookMs)
  const chain = `${leaf}${await readFile(authority.ca, 'latin1')}`
  await writeFile(files.cert, chain)
  await look(certificateSettleMs)
  expect(held.facts.fingerprint).toBe(await fingerprintOf(first))
  await look(certificateSettleMs)
  expect(held.state.certificate.cert).toBe(chain)
})

async function makePipe(path: string): Promise<void> {
  await rm(path)
  await promisify(execFile)('mkfifo', [path])
}

const broken: readonly [string, (files: IssuedPair) => Promise<void>, RegExp][] = [
  ['a key of another', (files) => copyFile(second.cert, files.cert), /is not the key of/],
  ['a certificate that is cut off', (files) => truncate(files.cert, 300), /is not a certificate/],
  ['an empty key', (files) => truncate(files.key, 0), /is not a private key/],
  ['a file that is far too long', (files) => truncate(files.cert, 2 ** 30), /1073741824 bytes/],
  ['a pipe in its place', (files) => makePipe(files.key), /no regular file any more/],
  ['a file that is gone', (files) => rm(files.key), /Cannot read tls\.key .*ENOENT/],
]

test.each(broken)(
  'with %s the pair before stays in use, the operator is told once, and readiness warns without a path',
  async (_, breakIt, reason) => {
    const files = await copyFirst()
    const { held, lines, look } = await watchFiles(files)
    let changes = 0
    held.follow(() => (changes += 1))
    await breakIt(files)
    await look(certificateLookMs)
    for (let i = 0; i < 20; i++) await look(certificateSettleMs)
    expect(held.facts.fingerprint).toBe(await fingerprintOf(first))
    expect(lines).toEqual([expect.stringMatching(reason)])
    expect(lines[0]).toMatch(/^The certificate could not be reloaded; the one before stays in use/)
    expect(changes).toBe(1)
    expect(held.listWarnings(Date.now())).toEqual([
      'The certificate could not be reloaded; the one before stays in use.',
    ])
    await Promise.all([rm(files.cert, { force: true }), rm(files.key, { force: true })])
    await overwrite(second, files)
    await look(certificateSettleMs)
    await look(certificateSettleMs)
    expect(held.facts.fingerprint).toBe(await fingerprintOf(second))
    expect(held.listWarnings(Date.now())).toEqual([])
    expect(lines).toHaveLength(2)
  },
)

test('a second broken change is told as well, and the old files come back without a new certificate', async () => {
  const files = await copyFirst()
  const { held, lines, look } = await watchFiles(files)
  const settle = async (): Promise<void> => {
    await look(certificateLookMs)
    await look(certificateSettleMs)
  }
  await writeFile(files.cert, 'one')
  await settle()
  await writeFile(files.cert, 'two')
  await settle()
  expect(lines).toHaveLength(2)
  await overwrite(first, files)
  await settle()
  expect(lines[2]).toBe('The files of the certificate in use are in order again.')
  expect(held.listWarnings(Date.now())).toEqual([])
})

test('who asks is answered, also when nothing has changed and when the trouble is old', async () => {
  const files = await copyFirst()
  const { lines, look, watch } = await watchFiles(files)
  watch.askNow()
  await look(0)
  expect(lines).toEqual(['The certificate in use is that of the files.'])
  await writeFile(files.cert, 'none')
  watch.askNow()
  await look(0)
  await look(certificateSettleMs)
  watch.askNow()
  await look(0)
  expect(lines).toHaveLength(3)
  expect(lines[2]).toBe(lines[1])
})

test('somebody who asks again and again does not get a chain that is half written', async () => {
  const files = await copyFirst()
  const { held, look, watch } = await watchFiles(files)
  await overwrite(second, files)
  for (let i = 0; i < 5; i++) {
    watch.askNow()
    await look(0)
  }
  expect(held.facts.fingerprint).toBe(await fingerprintOf(first))
  await look(certificateSettleMs)
  expect(held.facts.fingerprint).toBe(await fingerprintOf(second))
})

test('a file system that hangs is asked once, and keeps nothing else waiting', async () => {
  const clock = createFakeClock()
  let reads = 0
  const watch = new CertificateWatch({
    held: new HeldCertificate({ certificate: loadCertificate(first) }),
    read: () => {
      reads += 1
      return new Promise(() => undefined)
    },
    check: () => undefined,
    clock,
    say: () => undefined,
  })
  clock.advance(certificateLookMs)
  watch.askNow()
  clock.advance(10 * certificateLookMs)
  expect(reads).toBe(1)
  watch.stop()
})

describe('dates', () => {
  const day = 86_400_000

  test.each([
    [90, 15, undefined],
    [90, 13.5, /ends on .*, in 13 days\. Look why it was not renewed/],
    [90, 0.5, /in less than a day/],
    [90, -1, /has expired on .*Renew it \(the hub takes/],
    // A certificate for six days is not about to end all its life.
    [6, 3, undefined],
    [6, 1.5, /in a day\./],
  ])('of a certificate for %d days with %d left', async (days, left, said) => {
    const { cert } = await authority.issue(`days-${days}-${left}`, 'DNS:example.org', days)
    const files = { cert, key: cert.replace('.pem', '-key.pem') }
    const held = new HeldCertificate({ certificate: loadCertificate(files) })
    const end = Date.parse(held.facts.validTo)
    const warnings = held.listWarnings(end - left * day)
    if (said === undefined) expect(warnings).toEqual([])
    else expect(warnings).toEqual([expect.stringMatching(said)])
  })

  test('are told once when they become a trouble, while the hub runs', async () => {
    const clock = createFakeClock(Date.now())
    const lines: string[] = []
    const held = new HeldCertificate({ certificate: loadCertificate(first) })
    const watch = new CertificateWatch({
      held,
      read: async () => held.state.certificate,
      check: () => undefined,
      clock,
      say: (text) => lines.push(text),
    })
    onTestFinished(() => watch.stop())
    const look = async (): Promise<void> => {
      clock.advance(certificateLookMs)
      await expect.poll(() => clock.pending).toBe(1)
    }
    await look()
    expect(lines).toEqual([])
    const end = Date.parse(held.facts.validTo)
    for (const at of [end - 10 * day, end - 9 * day, end - 8 * day, end + day, end + 2 * day]) {
      clock.set(at)
      await look()
    }
    expect(lines).toEqual([
      expect.stringMatching(/^The certificate ends on .* in 9 days|in 10 days/),
      expect.stringMatching(/^The certificate has expired/),
    ])
  })
})
