// HTTP/2 and HTTP/1.1 on one TLS port: curl, Node's own client, and clients that misbehave.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import { systemClock } from '@tidemark/log'
import { collectGarbage, startHubProcess } from '@tidemark/testkit'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../src/index.ts'
import { http2Limits } from '../src/limits.ts'
import { CertificateFacts } from '../src/tls/certificate-facts.ts'
import { loadCertificate } from '../src/tls/load-certificate.ts'
import { makeCertificate } from './support/certificate.ts'
import type { TestCertificate } from './support/certificate.ts'
import { collect, connectHttp2, follow, request } from './support/http2.ts'
import { frame, headers, openRaw, reset } from './support/raw-http2.ts'
import { exchange } from './support/raw.ts'
import { makeDirectory, startTestHub } from './support/test-hub.ts'
import { startTestServer } from './support/test-server.ts'

let certificate: TestCertificate

beforeAll(async () => {
  certificate = await makeCertificate()
})

afterAll(() => certificate.remove())

const run = promisify(execFile)

/** Follows a URL with curl until `part` has come. */
function followWithCurl(args: readonly string[]): { until: (part: string) => Promise<void> } {
  const curl = spawn('curl', ['-ksN', ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void curl.kill())
  let text = ''
  curl.stdout.setEncoding('utf8')
  curl.stdout.on('data', (chunk: string) => (text += chunk))
  return { until: (part) => expect.poll(() => text).toContain(part) }
}

const startTls = (flags: Record<string, string> = {}) =>
  startTestHub({ ...certificate.flags, ...flags })

const startTlsServer = (options: Parameters<typeof startTestServer>[0]) =>
  startTestServer({ ...options, certificate: loadCertificate(certificate) })

const post = (topic: string): Record<string, string> => ({
  ':method': 'POST',
  ':path': `/topics/${topic}`,
})

async function readTopic(port: number, topic: string): Promise<readonly string[]> {
  const session = connectHttp2(port)
  const { body } = await request(session, { ':path': `/topics/${topic}?limit=1000` })
  session.close()
  return (JSON.parse(body) as { records: { data: string }[] }).records.map(({ data }) => data)
}

describe.each([['--http2'], ['--http1.1']])('curl %s', (version) => {
  test('subscribes and publishes over TLS', async () => {
    const hub = await startTls()
    expect(hub.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
    const follower = followWithCurl([version, '-i', `${hub.url}/events?topic=a`])
    await follower.until('tidemark.ready')
    await follower.until(version === '--http2' ? 'HTTP/2 200' : 'HTTP/1.1 200')
    const { stdout } = await run('curl', ['-ks', version, '-d', 'hello', `${hub.url}/topics/a`])
    expect(JSON.parse(stdout)).toMatchObject({ sessions: 1 })
    await follower.until('data: hello\n')
  })
})

test('one connection carries a hundred streams and the publishes to them', async () => {
  const hub = await startTls()
  const session = connectHttp2(hub.port)
  const followers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => follow(session, `/events?topic=own/${i}`)),
  )
  expect(session.remoteSettings.maxConcurrentStreams).toBe(http2Limits.streamsPerConnectionMax)
  const lines = followers.map((_, i) => JSON.stringify({ topic: `own/${i}`, data: `for ${i}.` }))
  const ndjson = { ':method': 'POST', ':path': '/publish', 'content-type': 'application/x-ndjson' }
  expect((await request(session, ndjson, lines.join('\n'))).status).toBe(200)
  await Promise.all(followers.map(({ until }, i) => until(`for ${i}.`)))
})

test('everything else is answered over HTTP/2 as over HTTP/1.1', async () => {
  const hub = await startTls()
  const session = connectHttp2(hub.port)
  const page = await request(session, { ':path': '/' })
  expect(page.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8' })
  expect(await request(session, { ':path': '/readyz' })).toMatchObject({ status: 200 })
  const head = await request(session, { ':method': 'HEAD', ':path': '/events?topic=a' })
  expect(head).toMatchObject({ status: 200, body: '' })
  const wrong = await request(session, { ':method': 'PUT', ':path': '/events' }, 'x')
  expect(wrong).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD, POST' } })
  const body = JSON.stringify({ topics: ['a'], sinse: 'now' })
  const refused = await request(session, { ':method': 'POST', ':path': '/events' }, body)
  expect(refused).toMatchObject({ status: 400, rstCode: 0 })
  expect(JSON.parse(refused.body)).toMatchObject({ code: 'QUERY_INVALID' })
  const long = await request(session, post('a'), 'x'.repeat(9 * 1024 * 1024))
  expect(JSON.parse(long.body)).toMatchObject({ code: 'BODY_TOO_LARGE' })
  const warm = await request(session, { ...post('a'), expect: '100-continue' }, 'warm')
  expect(warm.status).toBe(200)
})

test('other names than loopback’s, and pages of other origins, are refused', async () => {
  const hub = await startTls()
  const session = connectHttp2(hub.port)
  const path = { ':path': '/events?topic=a' }
  const foreign = await request(session, { ...path, ':authority': `evil.example:${hub.port}` })
  expect(JSON.parse(foreign.body)).toMatchObject({ status: 403, code: 'HOST_FOREIGN' })
  const both = { ...path, ':authority': 'evil.example', host: 'localhost' }
  expect((await request(session, both)).status).toBe(403)
  const origin = { ...post('a'), origin: 'https://evil.example' }
  expect((await request(session, origin, 'x')).status).toBe(403)
  const own = { ...post('a'), origin: `https://localhost:${hub.port}` }
  expect((await request(session, own, 'x')).status).toBe(200)
})

test('heads that break HTTP are refused with a problem over TLS, in both versions', async () => {
  const hub = await startTls()
  const heads = [
    ['Host: localhost\r\nHost: localhost\r\n', 'REQUEST_MALFORMED'],
    ['', 'REQUEST_MALFORMED'],
    ['Host: localhost\r\nConnection: close\r\nExpect: much\r\n', 'EXPECTATION_FAILED'],
  ]
  for (const [head, code] of heads) {
    const text = await speakTls(hub.port, `GET /livez HTTP/1.1\r\n${head}\r\n`)
    expect(text).toMatch(new RegExp(`^HTTP/1\\.1 4(00|17) [^]*problem[^]*"code":"${code}"`))
  }
  const session = connectHttp2(hub.port)
  const unmet = await request(session, { ...post('a'), expect: 'much' }, 'x')
  expect(unmet.headers).toMatchObject({ 'content-type': 'application/problem+json' })
  expect(JSON.parse(unmet.body)).toMatchObject({ status: 417, code: 'EXPECTATION_FAILED' })
  expect(await readTopic(hub.port, 'a')).toEqual([])
})

test('too many header fields get a status over TLS, in both versions, and not a stream that is reset', async () => {
  const hub = await startTls()
  const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`x-${i}`, '1']))
  const answer = await request(connectHttp2(hub.port), { ...post('a'), ...many }, 'x')
  expect(answer).toMatchObject({ status: 431, rstCode: 0 })
  expect(JSON.parse(answer.body)).toMatchObject({ code: 'HEADERS_TOO_MANY' })
  const text = await speakTls(
    hub.port,
    `GET /livez HTTP/1.1\r\n${'a:\r\n'.repeat(2_000)}Host: localhost\r\nConnection: close\r\n\r\n`,
  )
  expect(text).toMatch(/^HTTP\/1\.1 431 [^]*"code":"HEADERS_TOO_MANY"/)
  expect(await readTopic(hub.port, 'a')).toEqual([])
})

test.each([
  ['one field', 1, 40_000],
  ['a hundred fields', 100, 550],
])(
  'headers that are too long together get a status over HTTP/2, in %s, and their connection goes on',
  async (_, count, length) => {
    const hub = await startTls()
    const session = connectHttp2(hub.port)
    const long = Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`x-${i}`, 'x'.repeat(length)]),
    )
    const answer = await request(session, { ...post('a'), ...long }, 'x')
    expect(answer).toMatchObject({ status: 431, rstCode: 0 })
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'HEADERS_TOO_LARGE' })
    expect((await request(session, post('a'), 'y')).status).toBe(200)
    expect(await readTopic(hub.port, 'a')).toEqual(['y'])
  },
)

test.each([
  ['a reset', () => [reset(1, 8)]],
  ['a reset without an error', () => [reset(1, 0)]],
  ['the end of the connection', () => []],
])('a body that is cut off by %s is not published', async (_, cut) => {
  const hub = await startTls()
  const socket = await openRaw(hub.port)
  socket.write(headers(1, 'POST', { path: '/topics/a', isWhole: false }))
  socket.write(frame('data', { stream: 1 }, Buffer.from('half of i')))
  // The hub has read it once it has answered, and closed, what came behind it.
  socket.write(headers(3, 'GET', { path: '/livez', isWhole: true }))
  await once(socket, 'data')
  for (const last of cut()) socket.write(last)
  socket.end()
  await once(socket, 'close')
  expect((await request(connectHttp2(hub.port), post('a'), 'whole')).status).toBe(200)
  expect(await readTopic(hub.port, 'a')).toEqual(['whole'])
})

describe('limits over TLS', () => {
  const times = { headersMs: 50, requestMs: 100, checkMs: 20 }
  /** For what must arrive in time, on a busy machine too. */
  const patient = { headersMs: 500, requestMs: 1_000, checkMs: 20 }

  test('a body that comes too slowly gets 408, and other streams of its connection go on', async () => {
    const port = await startTlsServer({ times: patient })
    const session = connectHttp2(port)
    const { until } = await follow(session, '/events?topic=a')
    const stream = session.request(post('a'))
    const answer = collect(stream)
    stream.write('slo')
    expect(JSON.parse((await answer).body)).toMatchObject({ status: 408, code: 'REQUEST_TIMEOUT' })
    expect((await request(session, post('a'), 'quick')).status).toBe(200)
    await until('data: quick\n')
    expect(await readTopic(port, 'a')).toEqual(['quick'])
  })

  test.each([
    ['ends in an empty frame of its own', [frame('data', { flags: 1, stream: 1 })]],
    ['never ends', []],
  ])('a stream whose request %s stays open beyond the time for requests', async (_, last) => {
    const port = await startTlsServer({ times: patient })
    const socket = await openRaw(port)
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
    socket.write(headers(1, 'GET', { path: '/events?topic=a', isWhole: false }))
    for (const each of last) socket.write(each)
    await expect.poll(() => text).toContain('tidemark.ready')
    // Its time is over when that of a later request is.
    const session = connectHttp2(port)
    const slow = session.request(post('a'))
    slow.write('slo')
    expect(await collect(slow)).toMatchObject({ status: 408 })
    expect((await request(connectHttp2(port), post('a'), 'later')).status).toBe(200)
    await expect.poll(() => text).toContain('data: later\n')
  })

  test('a connection of HTTP/2 that asks for nothing is closed', async () => {
    const session = connectHttp2(await startTlsServer({ times }))
    // It may be reset, where the hub has not read its last frame: `once` would take that for a failure.
    await new Promise<void>((resolve) => session.once('close', () => resolve()))
  })

  test('a client that never finishes its headers of HTTP/1.1 gets 408', async () => {
    const port = await startTlsServer({ times })
    const text = await speakTls(port, 'GET /livez HTTP/1.1\r\nHost: loc')
    expect(text).toMatch(/^HTTP\/1\.1 408 [^]*"code":"REQUEST_TIMEOUT"/)
  })

  test('headers that are too large are 431, and no answer where HTTP/2 was told not to send them', async () => {
    const hub = await startTls()
    const long = 'x'.repeat(33 * 1024)
    const text = await speakTls(
      hub.port,
      `GET /livez HTTP/1.1\r\nHost: localhost\r\nx-a: ${long}\r\n\r\n`,
    )
    expect(text).toMatch(/^HTTP\/1\.1 431 /)
    const session = connectHttp2(hub.port)
    const tooLong = { ':path': '/livez', 'x-a': long, 'x-b': long }
    expect(await request(session, tooLong)).toMatchObject({ status: 0 })
    expect((await request(connectHttp2(hub.port), { ':path': '/livez' })).status).toBe(200)
  })

  test('streams beyond the limit of all connections are refused as not begun', async () => {
    const port = await startTlsServer({ connectionsMax: 3 })
    const sessions = [connectHttp2(port), connectHttp2(port)] as const
    const [first, second] = sessions
    const open = await Promise.all(
      [first, second, second].map((session) => follow(session, '/events?topic=a')),
    )
    for (const session of sessions)
      expect(await request(session, { ':path': '/livez' })).toMatchObject({ status: 0, rstCode: 7 })
    // Its place is free for a stream of the other connection.
    open[0]?.stream.close()
    await expect.poll(async () => (await request(second, { ':path': '/livez' })).status).toBe(200)
  })

  test('who opens and resets streams without end loses the connection, and nobody else anything', async () => {
    const hub = await startTls()
    const other = connectHttp2(hub.port)
    const { until } = await follow(other, '/events?topic=a')
    const flood = await openRaw(hub.port)
    const isClosed = once(flood, 'close')
    for (let i = 0; i < 2 * http2Limits.streamResetBurst; i++) {
      const stream = 2 * i + 1
      flood.write(headers(stream, 'GET', { path: '/events?topic=a', isWhole: true }))
      flood.write(reset(stream, 8))
    }
    await isClosed
    const { body } = await request(other, post('a'), 'still here')
    await until('still here')
    expect(JSON.parse(body)).toMatchObject({ sessions: 1 })
  })

  test('a body that arrives a byte at a time does not keep what came in the same packets', async () => {
    const hub = await startTls()
    const flood = await openRaw(hub.port)
    flood.write(headers(1, 'POST', { path: '/topics/a', isWhole: false }))
    const byte = frame('data', { stream: 1 }, Buffer.from('x'))
    // A type that HTTP/2 does not know is ignored (RFC 9113 §5.5), up to 16 KiB of it.
    const ignored = frame('data', {}, Buffer.alloc(15 * 1024))
    ignored[3] = 0xbe
    const other = connectHttp2(hub.port)
    await request(other, { ':path': '/livez' })
    const before = collectGarbage()
    const chunks = 500
    for (let i = 0; i < chunks; i++) {
      flood.write(Buffer.concat([byte, ignored]))
      // Its answer comes after what was sent before on another connection has been read.
      await request(other, { ':path': '/livez' })
    }
    expect((collectGarbage() - before) / chunks).toBeLessThan(1024)
  })

  test('bytes that are no TLS end their connection only', async () => {
    const hub = await startTls()
    const answer = await exchange(hub.port, ['GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'])
    expect(answer.status).toBe(0)
    expect((await request(connectHttp2(hub.port), { ':path': '/livez' })).status).toBe(200)
  })
})

/** Speaks HTTP/1.1 over TLS byte by byte, until the server closes. */
function speakTls(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    let got = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => (got += chunk))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(got))
    socket.write(text)
  })
}

describe('a hub that drains', () => {
  test('says goodbye to streams, answers what was sent, and ends each connection with GOAWAY', async () => {
    const hub = await startTls()
    const session = connectHttp2(hub.port)
    const { stream, until } = await follow(session, '/events?topic=a')
    const publishing = session.request(post('a'))
    const answer = collect(publishing)
    publishing.write('in two ')
    await request(session, { ':path': '/livez' })
    const isGoing = once(session, 'goaway')
    const isClosed = once(session, 'close')
    const isEnded = once(stream, 'end')
    const drained = hub.drain()
    await isGoing
    await until('"reason":"draining"')
    await isEnded
    publishing.end('parts')
    expect((await answer).status).toBe(200)
    await isClosed
    await drained
  })

  test('answers clients that ask meanwhile', async () => {
    const hub = await startTls()
    const busy = connectHttp2(hub.port).request(post('a'))
    const answer = collect(busy)
    busy.write('x')
    await request(connectHttp2(hub.port), { ':path': '/livez' })
    const drained = hub.drain()
    const late = await request(connectHttp2(hub.port), {
      ':path': '/events?topic=a',
      accept: 'text/event-stream',
    })
    expect(late.body).toContain('"reason":"draining"')
    busy.end()
    expect((await answer).status).toBe(200)
    await drained
  })
})

test('two workers speak HTTP/2 on one port', async () => {
  const dataDirectory = await makeDirectory()
  const args = [`--tls-cert=${certificate.cert}`, `--tls-key=${certificate.key}`, '--workers=2']
  const hub = await startHubProcess({ dataDirectory, args })
  onTestFinished(() => hub.stop())
  const followers = await Promise.all(
    [1, 2, 3, 4].map(() => follow(connectHttp2(hub.port), '/events?topic=a')),
  )
  expect((await request(connectHttp2(hub.port), post('a'), 'for all.')).status).toBe(200)
  await Promise.all(followers.map(({ until }) => until('for all.')))
  expect(
    await speakTls(hub.port, 'GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'),
  ).toContain('"live"')
})

describe('a certificate that cannot be used stops the start with what to do', () => {
  async function start(flags: Record<string, string>): Promise<unknown> {
    return startTestHub({ ...certificate.flags, ...flags })
  }

  test('one file without the other', async () => {
    const directory = await makeDirectory()
    for (const flags of [{ 'tls-cert': 'a.pem' }, { 'tls-key': 'a.pem' }]) {
      expect(() => loadConfig({ flags, env: {}, directory })).toThrow(
        /tls must name both, cert and key/,
      )
    }
  })

  test('a file that is not there, or not what it should be', async () => {
    const directory = await makeDirectory()
    const other = join(directory, 'other.pem')
    await writeFile(other, 'no pem')
    await expect(start({ 'tls-cert': '/nowhere.pem' })).rejects.toMatchObject({
      code: 'TLS_UNUSABLE',
      message: expect.stringMatching(
        /^Cannot read tls\.cert \/nowhere\.pem: ENOENT.*\. Give the path of a file in PEM/,
      ) as string,
    })
    await expect(start({ 'tls-cert': other })).rejects.toThrow(
      /tls\.cert .*other\.pem is not a.*-----BEGIN CERTIFICATE-----/,
    )
    await expect(start({ 'tls-key': other })).rejects.toThrow(
      /tls\.key .*other\.pem is not a.*Give the path/,
    )
  })

  test('a key that is too short for TLS', async () => {
    const directory = await makeDirectory()
    const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')]
    const what = '-x509 -newkey rsa:512 -nodes -days 2 -subj /CN=localhost'.split(' ')
    await run('openssl', ['req', ...what, '-keyout', key, '-out', cert])
    await expect(start({ 'tls-cert': cert, 'tls-key': key })).rejects.toMatchObject({
      code: 'TLS_UNUSABLE',
      message: expect.stringMatching(/cert\.pem: .*too small\. Have one made with/) as string,
    })
  })

  test('one that is out of date is told and used', () => {
    const day = 86_400_000
    const facts = new CertificateFacts(loadCertificate(certificate).cert)
    const now = systemClock.now()
    expect(facts.describeDates(now)).toBeUndefined()
    expect(facts.describeDates(now + 3 * day)).toMatch(/has expired on .*Renew it/)
    expect(facts.describeDates(now - day)).toMatch(/is not valid before .*clock/)
  })

  test('a key of another certificate', async () => {
    const other = await makeCertificate()
    onTestFinished(() => other.remove())
    await expect(start({ 'tls-key': other.key })).rejects.toThrow(
      /is not the key of the certificate/,
    )
  })
})
