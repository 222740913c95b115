// A new certificate under a hub that serves: open streams stay, new connections get it, in every worker.

import { X509Certificate } from 'node:crypto'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { listChildren, startHubProcess } from '@tidemark/testkit'
import type { HubProcess } from '@tidemark/testkit'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { connectHttp2, follow, request } from './support/http2.ts'
import { makeAuthority, overwrite } from './support/pki.ts'
import type { Authority, IssuedPair } from './support/pki.ts'
import { makeDirectory, startTestHub } from './support/test-hub.ts'

let authority: Authority
let first: IssuedPair
let second: IssuedPair
let fingerprints: { readonly first: string; readonly second: string }

beforeAll(async () => {
  authority = await makeAuthority()
  const names = 'DNS:localhost,IP:127.0.0.1'
  first = await authority.issue('first', names)
  second = await authority.issue('second', names)
  const read = async ({ cert }: IssuedPair): Promise<string> =>
    new X509Certificate(await readFile(cert)).fingerprint256
  fingerprints = { first: await read(first), second: await read(second) }
})

afterAll(() => authority.remove())

async function copyFirst(): Promise<{ files: IssuedPair; args: readonly string[] }> {
  const directory = await makeDirectory()
  const files = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') }
  await overwrite(first, files)
  return { files, args: [`--tls-cert=${files.cert}`, `--tls-key=${files.key}`] }
}

/** The fingerprint of the certificate that a new connection gets. */
function greet(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256)
      socket.destroy()
    })
    socket.once('error', reject)
  })
}

/** A stream over HTTP/1.1, byte by byte. */
function followHttp1(port: number): { socket: TLSSocket; until: (part: string) => Promise<void> } {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
  onTestFinished(() => void socket.destroy())
  let text = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => (text += chunk))
  socket.write('GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\n\r\n')
  return { socket, until: (part) => expect.poll(() => text).toContain(part) }
}

const post = { ':method': 'POST', ':path': '/topics/a' }

test('streams of HTTP/2 and HTTP/1.1 stay open across a reload, and new connections get the new certificate', async () => {
  const { files } = await copyFirst()
  const hub = await startTestHub({ 'tls-cert': files.cert, 'tls-key': files.key })
  const session = connectHttp2(hub.port)
  const streams = await Promise.all([1, 2, 3].map(() => follow(session, '/events?topic=a')))
  const old = followHttp1(hub.port)
  await old.until('tidemark.ready')
  expect(await greet(hub.port)).toBe(fingerprints.first)
  await overwrite(second, files)
  hub.reload()
  await expect.poll(() => greet(hub.port)).toBe(fingerprints.second)
  expect(await request(session, post, 'after')).toMatchObject({ status: 200 })
  await Promise.all([...streams, old].map(({ until }) => until('data: after\n')))
  // The connection is still the one of the first certificate.
  expect(session.closed || session.destroyed).toBe(false)
  expect((session.socket as TLSSocket).getPeerCertificate().fingerprint256).toBe(fingerprints.first)
  expect(old.socket.getPeerCertificate().fingerprint256).toBe(fingerprints.first)
  expect(hub.lines.filter((line) => line.startsWith('A new certificate'))).toHaveLength(1)
  const another = await request(connectHttp2(hub.port), { ':path': '/livez' })
  expect(another.status).toBe(200)
  // HTTP/2 is still chosen by ALPN, and TLS 1.1 is still not spoken.
  const socket = connectTls({ port: hub.port, ALPNProtocols: ['h2'], rejectUnauthorized: false })
  onTestFinished(() => void socket.destroy())
  await expect.poll(() => socket.alpnProtocol).toBe('h2')
})

test('a client that resumes its TLS session gets the new certificate as well', async () => {
  const { files } = await copyFirst()
  const hub = await startTestHub({ 'tls-cert': files.cert, 'tls-key': files.key })
  const options = { port: hub.port, host: '127.0.0.1', rejectUnauthorized: false }
  const connect = async (session: Buffer): Promise<{ isReused: boolean; got: string }> => {
    const socket = connectTls({ ...options, session })
    await once(socket, 'secureConnect')
    onTestFinished(() => void socket.destroy())
    return { isReused: socket.isSessionReused(), got: socket.getPeerCertificate().fingerprint256 }
  }
  const begun = connectTls(options)
  onTestFinished(() => void begun.destroy())
  const [session] = (await once(begun, 'session')) as [Buffer]
  expect(await connect(session)).toMatchObject({ isReused: true })
  await overwrite(second, files)
  hub.reload()
  await expect.poll(() => greet(hub.port)).toBe(fingerprints.second)
  expect(await connect(session)).toEqual({ isReused: false, got: fingerprints.second })
})

test('a certificate that came by a pipe is used, and not waited for again', async () => {
  const directory = await makeDirectory()
  const pipe = join(directory, 'pipe')
  await promisify(execFile)('mkfifo', [pipe])
  // The pipe is read by this process while it waits, so somebody else has to write.
  const writer = spawn('sh', ['-c', 'cat "$0" > "$1"', first.cert, pipe])
  onTestFinished(() => void writer.kill())
  const hub = await startTestHub({ 'tls-cert': pipe, 'tls-key': first.key })
  hub.reload()
  await expect.poll(() => hub.lines).toEqual([expect.stringMatching(/in use is that of the files/)])
  expect(await greet(hub.port)).toBe(fingerprints.first)
})

test('a client that trusts the authority alone follows with curl over HTTP/2, before and after', async () => {
  const { files } = await copyFirst()
  const hub = await startTestHub({ 'tls-cert': files.cert, 'tls-key': files.key })
  const url = `https://localhost:${hub.port}/events?topic=a`
  const curl = (): { readonly text: () => string; readonly said: () => string } => {
    const child = spawn('curl', ['-sNiv', '--http2', '--cacert', authority.ca, '-Z', url, url])
    onTestFinished(() => void child.kill())
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk))
    return { text: () => text, said: () => said }
  }
  const count = (text: string, part: string): number => text.split(part).length - 1
  const before = curl()
  await expect.poll(() => count(before.text(), 'tidemark.ready')).toBe(2)
  await overwrite(second, files)
  hub.reload()
  await expect.poll(() => greet(hub.port)).toBe(fingerprints.second)
  const after = curl()
  await expect.poll(() => count(after.text(), 'tidemark.ready')).toBe(2)
  await request(connectHttp2(hub.port), post, 'to all')
  for (const { text, said } of [before, after]) {
    // Both streams share one connection.
    expect(count(said(), 'Connected to localhost')).toBe(1)
    await expect.poll(() => count(text(), 'data: to all')).toBe(2)
    expect(text()).toContain('HTTP/2 200')
  }
})

test('readiness warns of files that could not be reloaded, as long as they are so, and of nothing else', async () => {
  const { files } = await copyFirst()
  const hub = await startTestHub({ 'tls-cert': files.cert, 'tls-key': files.key })
  const read = async (): Promise<unknown> =>
    JSON.parse((await request(connectHttp2(hub.port), { ':path': '/readyz' })).body)
  expect(await read()).toEqual({ status: 'ready' })
  await copyFile(second.cert, files.cert)
  hub.reload()
  await expect.poll(read).toEqual({
    status: 'ready',
    warnings: ['The certificate could not be reloaded; the one before stays in use.'],
  })
  expect(await greet(hub.port)).toBe(fingerprints.first)
  await copyFile(second.key, files.key)
  hub.reload()
  await expect.poll(read).toEqual({ status: 'ready' })
  expect(await greet(hub.port)).toBe(fingerprints.second)
})

test('without TLS there is nothing to reload, and the operator is told', async () => {
  const hub = await startTestHub()
  hub.reload()
  expect(hub.lines).toEqual([expect.stringMatching(/no certificate to reload/)])
})

/** Starts a hub of two workers, in which files are behind links as certbot has them. */
async function startTwo(): Promise<{
  readonly hub: HubProcess
  readonly pid: number
  readonly point: (pair: IssuedPair) => Promise<void>
}> {
  const directory = await makeDirectory()
  const files = { cert: join(directory, 'fullchain.pem'), key: join(directory, 'privkey.pem') }
  const point = async (pair: IssuedPair): Promise<void> => {
    for (const which of ['cert', 'key'] as const) {
      await rm(files[which], { force: true })
      await symlink(pair[which], files[which])
    }
  }
  await point(first)
  const args = [`--tls-cert=${files.cert}`, `--tls-key=${files.key}`, '--workers=2']
  const hub = await startHubProcess({ dataDirectory: await makeDirectory(), args })
  onTestFinished(() => hub.stop())
  const { pid } = hub
  if (pid === undefined) throw new Error('A hub that answers has a process.')
  return { hub, pid, point }
}

/** The certificates of so many new connections that each worker has got some. */
async function greetAll(port: number): Promise<readonly string[]> {
  const got = await Promise.all(Array.from({ length: 8 }, () => greet(port)))
  return [...new Set(got)]
}

test('SIGHUP has both workers take the new certificate, without a cut', async () => {
  const { hub, pid, point } = await startTwo()
  const streams = await Promise.all(
    [1, 2, 3, 4].map(() => follow(connectHttp2(hub.port), '/events?topic=a')),
  )
  expect(await greetAll(hub.port)).toEqual([fingerprints.first])
  await point(second)
  process.kill(pid, 'SIGHUP')
  await expect.poll(() => greetAll(hub.port)).toEqual([fingerprints.second])
  await request(connectHttp2(hub.port), post, 'after')
  await Promise.all(streams.map(({ until }) => until('data: after\n')))
  expect(hub.output.match(/A new certificate is in use/g)).toHaveLength(1)
})

test('without a signal both workers find the new certificate by themselves', async () => {
  const { hub, point } = await startTwo()
  await point(second)
  await expect.poll(() => greetAll(hub.port), { interval: 500 }).toEqual([fingerprints.second])
})

test('a worker that is started anew while the files are broken serves with the certificate of the other', async () => {
  const { hub, pid, point } = await startTwo()
  await point(second)
  process.kill(pid, 'SIGHUP')
  await expect.poll(() => greetAll(hub.port)).toEqual([fingerprints.second])
  const broken = join(await makeDirectory(), 'broken.pem')
  await writeFile(broken, 'no pem')
  await point({ cert: broken, key: broken })
  process.kill(pid, 'SIGHUP')
  await expect.poll(() => hub.output).toContain('could not be reloaded')
  const [worker = 0] = listChildren(pid)
  process.kill(worker, 'SIGKILL')
  await expect.poll(() => hub.output).toMatch(/worker \d \(process \d+\) serves\./)
  expect(await greetAll(hub.port)).toEqual([fingerprints.second])
  const readiness = await Promise.all(
    [1, 2, 3, 4].map(() => request(connectHttp2(hub.port), { ':path': '/readyz' })),
  )
  for (const { body } of readiness) expect(body).toContain('could not be reloaded')
})
