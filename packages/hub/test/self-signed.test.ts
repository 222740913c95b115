// The certificate that a hub signs itself for development: made, kept, shared, and never more than that.

import { X509Certificate, createPrivateKey } from 'node:crypto'
import { execFile } from 'node:child_process'
import { chmod, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { createFakeClock, startHubProcess } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../src/index.ts'
import { selfSignedMs } from '../src/tls/limits.ts'
import { CertificateFacts } from '../src/tls/certificate-facts.ts'
import { OwnCertificate, provideSelfSigned, selfSignedFile } from '../src/tls/self-signed.ts'
import { signCertificate } from '../src/tls/sign-certificate.ts'
import { connectHttp2, follow, request } from './support/http2.ts'
import { makeDirectory, startTestHub } from './support/test-hub.ts'

const run = promisify(execFile)
const nowMs = Date.now()
const day = 86_400_000

function provide(options: Partial<Parameters<typeof provideSelfSigned>[0]>): CertificateFacts {
  const say = (): void => undefined
  const given = { directory: undefined, host: '127.0.0.1', nowMs, say, ...options }
  return new CertificateFacts(provideSelfSigned(given).cert)
}

/** Connects as a client that trusts `ca` alone; resolves to the fingerprint, or rejects with why not. */
function connectTrusting(ca: string, port: number, servername: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', ca, servername }
    const socket = connectTls(options, () => {
      resolve(socket.getPeerCertificate().fingerprint256)
      socket.destroy()
    })
    socket.once('error', reject)
  })
}

test('a client told to trust it takes it by each of its names, and by no other', async () => {
  const directory = await makeDirectory()
  const hub = await startTestHub({ tls: 'self-signed', data: directory, host: '127.0.0.2' })
  expect(hub.url).toMatch(/^https:\/\/127\.0\.0\.2:/)
  const [pem = ''] = (await readFile(join(directory, selfSignedFile), 'latin1')).split(
    '-----BEGIN PRIVATE',
  )
  const facts = new CertificateFacts(pem)
  expect(facts.names).toEqual(['localhost', '127.0.0.1', '[::1]', '127.0.0.2'])
  for (const name of ['localhost', '127.0.0.1', '::1', '127.0.0.2']) {
    expect([name, facts.covers(name)]).toEqual([name, true])
  }
  const connect = (servername: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const options = { port: hub.port, host: '127.0.0.2', ca: pem, servername }
      const socket = connectTls(options, () => {
        resolve(socket.getPeerCertificate().fingerprint256)
        socket.destroy()
      })
      socket.once('error', reject)
    })
  expect(await connect('localhost')).toBe(facts.fingerprint)
  await expect(connect('evil.example')).rejects.toMatchObject({
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  })
})

test('openssl finds it in order, for a server only, and no authority', async () => {
  const directory = await makeDirectory()
  const { cert } = signCertificate({
    names: ['localhost', '::1'],
    fromMs: nowMs,
    toMs: nowMs + day,
  })
  const path = join(directory, 'cert.pem')
  await writeFile(path, cert)
  const { stdout } = await run('openssl', ['x509', '-in', path, '-noout', '-text'])
  expect(stdout).toMatch(/Version: 3 /)
  expect(stdout).toMatch(/Signature Algorithm: ecdsa-with-SHA256/)
  expect(stdout).toMatch(/Basic Constraints: critical\s+CA:FALSE/)
  expect(stdout).toMatch(/Key Usage: critical\s+Digital Signature\n/)
  expect(stdout).toMatch(/Extended Key Usage: \s+TLS Web Server Authentication\n/)
  expect(stdout).toMatch(/DNS:localhost, IP Address:0:0:0:0:0:0:0:1/)
  const verify = [
    'verify',
    '-x509_strict',
    '-purpose',
    'sslserver',
    '-verify_hostname',
    'localhost',
  ]
  const checked = await run('openssl', [...verify, '-CAfile', path, path])
  expect(checked.stdout).toContain('OK')
})

test('any names and times come back out of it as they went in', () => {
  const time = fc.date({
    min: new Date('1970-01-01T00:00:00Z'),
    max: new Date('2049-01-01T00:00:00Z'),
    noInvalidDate: true,
  })
  const name = fc.oneof(
    fc.ipV4(),
    fc.ipV6().filter((text) => !text.includes('.')),
    fc.domain().filter((text) => text.length < 200),
  )
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 40 }), time, (names, from) => {
      const fromMs = Math.floor(from.getTime() / 1_000) * 1_000
      const { cert, key } = signCertificate({ names, fromMs, toMs: fromMs + day })
      const read = new X509Certificate(cert)
      expect(read.verify(read.publicKey)).toBe(true)
      expect(read.checkPrivateKey(createPrivateKey(key))).toBe(true)
      expect(Date.parse(read.validFrom)).toBe(fromMs)
      expect(Date.parse(read.validTo)).toBe(fromMs + day)
      const facts = new CertificateFacts(cert)
      for (const each of names) expect([each, facts.covers(each)]).toEqual([each, true])
    }),
    { numRuns: 60 },
  )
})

describe('kept beside the data', () => {
  test('it is the same after a restart, and nobody else can read it', async () => {
    const directory = join(await makeDirectory(), 'deep', 'data')
    const before = provide({ directory })
    expect(provide({ directory }).fingerprint).toBe(before.fingerprint)
    expect((await stat(join(directory, selfSignedFile))).mode & 0o777).toBe(0o600)
    expect(await readdir(directory)).toEqual([selfSignedFile])
  })

  test('another is made for another host, near the end, and when somebody else may have read it', async () => {
    const directory = await makeDirectory()
    const before = provide({ directory })
    const named = provide({ directory, host: 'desk.example' })
    expect(named.fingerprint).not.toBe(before.fingerprint)
    expect(named.covers('desk.example')).toBe(true)
    // Names of a run before do not go away: its browser's exception holds for the hub on loopback too.
    expect(provide({ directory }).fingerprint).toBe(named.fingerprint)
    const later = provide({ directory, nowMs: nowMs + selfSignedMs - 13 * day })
    expect(later.fingerprint).not.toBe(named.fingerprint)
    await chmod(join(directory, selfSignedFile), 0o644)
    expect(provide({ directory }).fingerprint).not.toBe(later.fingerprint)
  })

  test.each([
    ['nothing', ''],
    ['no PEM', 'none of it'],
  ])('a file that holds %s is replaced', async (_, text) => {
    const directory = await makeDirectory()
    await writeFile(join(directory, selfSignedFile), text, { mode: 0o600 })
    const made = provide({ directory })
    expect(provide({ directory }).fingerprint).toBe(made.fingerprint)
  })

  test('a directory that takes no file is told, and the hub has one for now', () => {
    const lines: string[] = []
    const facts = provide({ directory: '/proc/none', say: (text) => lines.push(text) })
    expect(facts.covers('localhost')).toBe(true)
    expect(lines).toEqual([
      expect.stringMatching(/cannot be kept in \/proc\/none.*after each start/),
    ])
  })
})

test.each([
  ['in memory', async () => undefined],
  ['with data', makeDirectory],
])('a hub that runs on and on gets another before it ends: %s', async (_, where) => {
  const clock = createFakeClock(nowMs)
  const directory = await where()
  const say = (): void => undefined
  const own = new OwnCertificate({ directory, host: '::1', say }, clock)
  const first = own.newest
  clock.set(nowMs + selfSignedMs - 15 * day)
  expect(own.newest).toBe(first)
  clock.set(nowMs + selfSignedMs - 13 * day)
  const second = own.newest
  expect(second.cert).not.toBe(first.cert)
  // The watch takes what it finds twice.
  expect(own.newest).toBe(second)
  if (directory === undefined) return
  const { fingerprint } = new CertificateFacts(second.cert)
  expect(provide({ directory, nowMs: clock.now() }).fingerprint).toBe(fingerprint)
})

test('a host that is no name, or stands for every address, is none of its names', () => {
  for (const host of ['0.0.0.0', '::', 'no name', 'a\r\nb', '127.0.0.1', 'LOCALHOST'])
    expect(provide({ host }).names).toEqual(['localhost', '127.0.0.1', '[::1]'])
})

test('two workers share it, and a hub started again on the same data has it again', async () => {
  const dataDirectory = await makeDirectory()
  const args = ['--tls=self-signed', '--workers=2']
  const hub = await startHubProcess({ dataDirectory, args })
  onTestFinished(() => hub.stop())
  const ca = await readFile(join(dataDirectory, selfSignedFile), 'latin1')
  const greetAll = async (): Promise<readonly string[]> => {
    const one = (): Promise<string> => connectTrusting(ca, hub.port, 'localhost')
    return [...new Set(await Promise.all(Array.from({ length: 8 }, one)))]
  }
  const [fingerprint = '', ...others] = await greetAll()
  expect(others).toEqual([])
  // For people who compare it with what their browser shows.
  expect(hub.output).toContain(`SHA-256 is ${fingerprint}`)
  expect(hub.output).toContain(`curl -k -N 'https://127.0.0.1:${hub.port}/events?topic=demo'`)
  await hub.stop()
  const again = await startHubProcess({ dataDirectory, args, port: hub.port })
  onTestFinished(() => again.stop())
  expect(await greetAll()).toEqual([fingerprint])
})

test('curl -k follows several streams over one connection of HTTP/2', async () => {
  const hub = await startTestHub({ tls: 'self-signed' })
  const url = `${hub.url}/topics`
  const { stdout } = await run('curl', [
    ...['-kv', '--http2', '-sS', '-d', 'one', `${url}/a`, '--next'],
    ...['-kv', '--http2', '-sS', '-d', 'two', `${url}/a`],
  ])
  expect(stdout.match(/"cursor"/g)).toHaveLength(2)
  const session = connectHttp2(hub.port)
  const streams = await Promise.all([1, 2, 3].map(() => follow(session, '/events?topic=a')))
  await run('curl', ['-ks', '--http2', '-d', 'for all', `${url}/a`])
  await Promise.all(streams.map(({ until }) => until('data: for all\n')))
})

describe('settings that contradict it are refused with the way out', () => {
  const load = (flags: Readonly<Record<string, string>>): unknown =>
    loadConfig({ flags, env: {}, directory: '/nowhere' }).tls

  test.each([
    [
      { tls: 'self-signed', 'tls-cert': 'a', 'tls-key': 'b' },
      /tls\.source must be files where tls\.cert .* \(leave it out, or those two\); got "?self-signed"? from --tls/,
    ],
    [{ 'tls-redirect-port': '80' }, /tls\.redirectPort must come with a certificate .*--tls self-/],
    [{ 'tls-hsts': 'false' }, /tls\.hsts must come with a certificate/],
    [{ tls: 'files', 'tls-cert': 'a' }, /tls must name both, cert and key, or neither/],
    [
      { tls: 'self-signed', port: '7443', 'tls-redirect-port': '7443' },
      /tls\.redirectPort must be another port than the one with TLS/,
    ],
    [{ tls: 'yes' }, /tls\.source must be files or self-signed; got "?yes"? from --tls/],
  ])('%j', (flags, said) => {
    expect(() => load(flags)).toThrow(said)
  })

  test('and defaults that are said are none', () => {
    expect(load({ tls: 'files', 'tls-hsts': 'true', 'tls-redirect-port': 'none' })).toBeUndefined()
  })
})

test('no browser is told to ask it by https only', async () => {
  const hub = await startTestHub({ tls: 'self-signed' })
  const session = connectHttp2(hub.port)
  for (const path of ['/', '/livez', '/nothing']) {
    const { headers } = await request(session, { ':path': path })
    expect(headers['strict-transport-security']).toBeUndefined()
    expect(headers['x-content-type-options']).toBe('nosniff')
  }
})
