// Headers that browsers are protected by, on every answer; and the port that sends everybody to https.

import { once } from 'node:events'
import { request as requestPlainly } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { connect as openSocket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { startHubProcess } from '@tidemark/testkit'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { redirectConnectionsMax } from '../src/tls/limits.ts'
import { CertificateFacts } from '../src/tls/certificate-facts.ts'
import { loadCertificate } from '../src/tls/load-certificate.ts'
import { locate } from '../src/tls/redirect-server.ts'
import { collect, request } from './support/http2.ts'
import { makeAuthority } from './support/pki.ts'
import type { Authority, IssuedPair } from './support/pki.ts'
import { exchange } from './support/raw.ts'
import { makeDirectory, startTestHub } from './support/test-hub.ts'
import type { TestHub } from './support/test-hub.ts'

let authority: Authority
let real: IssuedPair
let mixed: IssuedPair

beforeAll(async () => {
  authority = await makeAuthority()
  real = await authority.issue('real', 'DNS:hub.example,DNS:*.hub.example,IP:127.0.0.1')
  mixed = await authority.issue('mixed', 'DNS:localhost,DNS:app.localhost,DNS:hub.example')
})

afterAll(() => authority.remove())

const value = 'max-age=31536000; includeSubDomains'

const start = ({ cert, key }: IssuedPair, flags: Record<string, string> = {}): Promise<TestHub> =>
  startTestHub({ 'tls-cert': cert, 'tls-key': key, insecure: 'true', ...flags })

function connect(port: number): ClientHttp2Session {
  const session = connectHttp2(`https://localhost:${port}`, { rejectUnauthorized: false })
  onTestFinished(() => session.destroy())
  return session
}

/** One exchange of HTTP/1.1 over TLS: the head of its answer. */
function speak(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    onTestFinished(() => void socket.destroy())
    let got = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      got += chunk
      if (got.includes('\r\n\r\n')) resolve(got)
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(got))
    socket.write(text)
  })
}

describe('with a certificate of an authority', () => {
  const authorityField = { ':authority': 'hub.example' }

  test.each([
    ['the page', { ':path': '/' }],
    ['a file of the page', { ':path': '/page.js' }],
    ['JSON', { ':path': '/livez' }],
    ['nothing', { ':path': '/nothing' }],
    ['a method that is not taken', { ':method': 'PUT', ':path': '/events' }],
    ['all methods', { ':method': 'OPTIONS', ':path': '*' }],
    ['a refused stream', { ':path': '/events?topic=a&topic=..' }],
    ['a head that breaks HTTP', { ':path': '/livez', expect: 'much' }],
  ])('%s says both headers over HTTP/2', async (_, headers) => {
    const hub = await start(real)
    const answer = await request(connect(hub.port), { ...authorityField, ...headers })
    expect(answer.headers).toMatchObject({
      'strict-transport-security': value,
      'x-content-type-options': 'nosniff',
    })
  })

  test('a stream says both, over HTTP/2 and HTTP/1.1, and the page may be in no frame', async () => {
    const hub = await start(real)
    const session = connect(hub.port)
    const stream = session.request({ ...authorityField, ':path': '/events?topic=a' })
    const headers = await new Promise((resolve) => stream.once('response', resolve))
    expect(headers).toMatchObject({
      'strict-transport-security': value,
      'x-content-type-options': 'nosniff',
    })
    stream.close()
    const head = await speak(
      hub.port,
      'GET /events?topic=a HTTP/1.1\r\nHost: hub.example:7070\r\n\r\n',
    )
    expect(head).toContain(`Strict-Transport-Security: ${value}\r\n`)
    expect(head).toContain('X-Content-Type-Options: nosniff\r\n')
    const page = await request(session, { ...authorityField, ':path': '/' })
    expect(page.headers).toMatchObject({ 'x-frame-options': 'DENY' })
  })

  test('bytes that are no request are refused with both', async () => {
    const hub = await start(real)
    const head = await speak(hub.port, 'NO HTTP\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1\.1 400 /)
    expect(head).toContain(`Strict-Transport-Security: ${value}\r\n`)
    expect(head).toContain('X-Content-Type-Options: nosniff\r\n')
  })

  test('tls.hsts false leaves one of them out', async () => {
    const hub = await start(real, { 'tls-hsts': 'false' })
    const { headers } = await request(connect(hub.port), { ...authorityField, ':path': '/' })
    expect(headers['strict-transport-security']).toBeUndefined()
    expect(headers['x-content-type-options']).toBe('nosniff')
    const head = await speak(hub.port, 'NO HTTP\r\n\r\n')
    expect(head).not.toContain('Strict-Transport-Security')
  })

  test.each(['localhost', 'app.localhost', '127.0.0.1', '[::1]', 'other.example'])(
    'a browser that asked for %s is not told to ask all its ports by https only',
    async (name) => {
      const hub = await start(mixed)
      const session = connect(hub.port)
      const asked = await request(session, { ':authority': `${name}:7070`, ':path': '/livez' })
      expect(asked.headers['strict-transport-security']).toBeUndefined()
      const own = await request(session, { ...authorityField, ':path': '/livez' })
      expect(own.headers['strict-transport-security']).toBe(value)
      // The name is not known there, and may be localhost.
      expect(await speak(hub.port, 'NO HTTP\r\n\r\n')).not.toContain('Strict-Transport-Security')
    },
  )
})

test('without TLS every answer says nosniff, and none asks for https', async () => {
  const hub = await startTestHub()
  for (const path of ['/', '/livez', '/nothing', '/events?topic=a&topic=..']) {
    const { headers } = await new Promise<{ headers: Record<string, unknown> }>((resolve) => {
      requestPlainly(`${hub.url}${path}`, (response) => {
        response.resume()
        resolve(response)
      }).end()
    })
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff' })
    expect(headers).not.toHaveProperty('strict-transport-security')
  }
})

describe('the port that redirects', () => {
  async function startRedirect(
    pair: IssuedPair = real,
    flags: Record<string, string> = {},
  ): Promise<{ hub: TestHub; port: number }> {
    const hub = await start(pair, { 'tls-redirect-port': '0', ...flags })
    const line = hub.lines.find((text) => text.includes('are redirected'))
    return { hub, port: Number(/http:\/\/127\.0\.0\.1:(\d+) /.exec(line ?? '')?.[1]) }
  }

  test('sends each method and path to https with 308, and closes', async () => {
    const { hub, port } = await startRedirect()
    for (const [method, target] of [
      ['GET', '/events?topic=a&token=x'],
      ['POST', '/topics/a'],
      ['DELETE', '/sessions/1'],
      ['OPTIONS', '/'],
    ]) {
      const answer = await exchange(port, [
        `${method} ${target} HTTP/1.1\r\nHost: hub.example:${port}\r\n\r\n`,
      ])
      expect(answer.status).toBe(308)
      expect(answer.headers).toContain(`\r\nLocation: https://hub.example:${hub.port}${target}\r\n`)
      expect(answer.headers).toContain('\r\nConnection: close\r\n')
      expect(answer.headers).toContain('\r\nCache-Control: no-store\r\n')
      expect(answer.headers).toContain('\r\nX-Content-Type-Options: nosniff\r\n')
      // Without TLS it would be ignored (RFC 6797 §8.1).
      expect(answer.headers).not.toMatch(/strict-transport/i)
      // The token is in one place only.
      expect(answer.body).not.toContain('token')
    }
  })

  test('a publish with a body is answered, whether the body comes or not', async () => {
    const { port } = await startRedirect()
    const head = 'POST /topics/a HTTP/1.1\r\nHost: hub.example\r\n'
    for (const rest of [
      'Content-Length: 5\r\n\r\nhello',
      `Content-Length: ${4 * 1024 * 1024}\r\n\r\n${'x'.repeat(4 * 1024 * 1024)}`,
      'Content-Length: 5\r\nExpect: 100-continue\r\n\r\n',
    ]) {
      const answer = await exchange(port, [head + rest])
      expect(answer).toMatchObject({ status: 308 })
    }
  })

  test.each([
    ['no request', 'NO HTTP\r\n\r\n'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['two Hosts', 'GET / HTTP/1.1\r\nHost: hub.example\r\nHost: evil.example\r\n\r\n'],
    ['a Host with a line end', 'GET / HTTP/1.1\r\nHost: a\rSet-Cookie: b\r\n\r\n'],
    ['a target with a line end', 'GET /a\rb HTTP/1.1\r\nHost: hub.example\r\n\r\n'],
    ['a foreign scheme', 'GET ftp://hub.example/ HTTP/1.1\r\nHost: hub.example\r\n\r\n'],
  ])('%s is refused and goes nowhere', async (_, text) => {
    const { port } = await startRedirect()
    const answer = await exchange(port, [text])
    expect(answer.status).toBe(400)
    expect(answer.headers).toContain('application/problem+json')
    expect(answer.headers).toContain('X-Content-Type-Options: nosniff')
    expect(answer.headers).not.toMatch(/location/i)
  })

  test('it ends with the hub, also when the hub drains', async () => {
    const { hub, port } = await startRedirect()
    await hub.drain()
    expect((await exchange(port, ['GET / HTTP/1.1\r\nHost: a\r\n\r\n'])).status).toBe(0)
  })

  test('clients that say nothing take the places of other redirects, and none of the hub’s own', async () => {
    const { hub, port } = await startRedirect()
    const sockets = Array.from({ length: redirectConnectionsMax }, () => openSocket(port))
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
    })
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    const get = 'GET / HTTP/1.1\r\nHost: hub.example\r\n\r\n'
    await expect.poll(async () => (await exchange(port, [get])).status).toBe(0)
    expect(hub.lines.at(-1)).toMatch(/^Of the port that redirects: Connections are closed unanswer/)
    expect(await request(connect(hub.port), { ':path': '/livez' })).toMatchObject({ status: 200 })
    sockets[0]?.destroy()
    await expect.poll(async () => (await exchange(port, [get])).status).toBe(308)
  })

  test('with two workers it is one port, and it ends with them', async () => {
    const args = [`--tls-cert=${real.cert}`, `--tls-key=${real.key}`, '--workers=2']
    const dataDirectory = await makeDirectory()
    const hub = await startHubProcess({
      dataDirectory,
      args: [...args, '--tls-redirect-port=0', '--insecure'],
    })
    onTestFinished(() => hub.stop())
    const port = Number(/http:\/\/127\.0\.0\.1:(\d+) are redirected/.exec(hub.output)?.[1])
    const get = 'GET /a HTTP/1.1\r\nHost: hub.example:1\r\n\r\n'
    const answers = await Promise.all([1, 2, 3].map(() => exchange(port, [get])))
    for (const { headers } of answers) {
      expect(headers).toContain(`\r\nLocation: https://hub.example:${hub.port}/a\r\n`)
    }
    await hub.stop()
    expect((await exchange(port, [get])).status).toBe(0)
  })

  test('a port that is taken stops the start, and nothing stays open', async () => {
    const { port } = await startRedirect()
    await expect(start(real, { 'tls-redirect-port': String(port) })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringMatching(/another port with --tls-redirect-port/) as string,
    })
  })

  test('what speaks TLS to it, or plainly to the port with TLS, loses its connection only', async () => {
    const { hub, port } = await startRedirect()
    expect(await speak(port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n')).toBe('')
    const plain = await exchange(hub.port, ['GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n'])
    expect(plain.status).toBe(0)
    const session = connect(hub.port)
    expect(await collect(session.request({ ':path': '/livez' }))).toMatchObject({ status: 200 })
    expect((await exchange(port, ['GET / HTTP/1.1\r\nHost: a\r\n\r\n'])).status).toBe(308)
  })
})

describe('where a redirect leads', () => {
  const facts = (pair: IssuedPair): CertificateFacts =>
    new CertificateFacts(loadCertificate(pair).cert)
  const go = (
    authority: string | undefined,
    { path = '/', query = '', port = 7443, listening = 7080, pair = real } = {},
  ): string => locate({ path, query, authority }, { facts: facts(pair), port, listening })

  test.each([
    // Names of the certificate stay.
    ['hub.example:7080', 'https://hub.example:7443/'],
    ['HUB.example:7080', 'https://hub.example:7443/'],
    ['a.hub.example:7080', 'https://a.hub.example:7443/'],
    ['127.0.0.1:7080', 'https://127.0.0.1:7443/'],
    // Others, and what is none, go to the first.
    ['evil.example:7080', 'https://hub.example:7443/'],
    ['evil.example', 'https://hub.example/'],
    ['evil.example:443', 'https://hub.example:7443/'],
    ['hub.example.evil.example', 'https://hub.example/'],
    ['a.b.hub.example', 'https://hub.example/'],
    ['user@hub.example', 'https://hub.example:7443/'],
    ['user:secret@hub.example:80', 'https://hub.example:7443/'],
    ['hub.example@evil.example', 'https://hub.example:7443/'],
    ['evil.example#hub.example', 'https://hub.example:7443/'],
    ['evil.example/hub.example', 'https://hub.example:7443/'],
    ['evil.example\\hub.example', 'https://hub.example:7443/'],
    ['hub.example\r\nSet-Cookie: a=b', 'https://hub.example:7443/'],
    ['hub.example%0d%0aevil', 'https://hub.example:7443/'],
    ['*.hub.example', 'https://hub.example:7443/'],
    ['[::1]', 'https://hub.example/'],
    ['[::1', 'https://hub.example:7443/'],
    ['', 'https://hub.example:7443/'],
    [undefined, 'https://hub.example:7443/'],
  ])('by the host %j', (host, location) => {
    expect(go(host)).toBe(location)
    expect(new URL(location).username).toBe('')
  })

  test.each([
    ['//evil.example/', '', 'https://hub.example:7443//evil.example/'],
    ['/\\evil.example', '', 'https://hub.example:7443/\\evil.example'],
    ['/a b\u00e4\r\n', '', 'https://hub.example:7443/a%20b%E4%0D%0A'],
    ['/a', 'b=\u0000c', 'https://hub.example:7443/a?b=%00c'],
    ['/%2e%2e/a', 'x=%0d', 'https://hub.example:7443/%2e%2e/a?x=%0d'],
    ['*', '', 'https://hub.example:7443/'],
  ])('by the path %j', (path, query, location) => {
    expect(go('hub.example:7080', { path, query })).toBe(location)
    expect(new URL(location).host).toBe('hub.example:7443')
  })

  test('to the usual port without its number, also where something in front maps ports', () => {
    expect(go('hub.example', { port: 443, listening: 80 })).toBe('https://hub.example/')
    expect(go('hub.example', { port: 7443, listening: 80 })).toBe('https://hub.example:7443/')
    // A container: 80 to 7080, and 443 to 7443.
    expect(go('hub.example', { port: 7443, listening: 7080 })).toBe('https://hub.example/')
    expect(go('hub.example:7080', { port: 443 })).toBe('https://hub.example/')
  })

  test('nowhere, where the certificate has no name to go to', async () => {
    const wild = await authority.issue('wild', 'DNS:*.hub.example')
    expect(go('a.hub.example', { pair: wild, listening: 80 })).toBe('https://a.hub.example:7443/')
    expect(() => go('evil.example', { pair: wild })).toThrow(/not one of the certificate/)
  })
})
