// Requests that name the hub in their first line, as proxies and some clients send them (RFC 9112 §3.2).

import { once } from 'node:events'
import { constants } from 'node:http2'
import { describe, expect, test } from 'vitest'
import { makeCertificate } from './support/certificate.ts'
import { collect, connectHttp2, request } from './support/http2.ts'
import { exchange, openUntil } from './support/raw.ts'
import type { Answer } from './support/raw.ts'
import { startTestHub } from './support/test-hub.ts'

interface Asked {
  readonly host?: string
  readonly method?: string
  readonly headers?: string
  readonly flags?: Readonly<Record<string, string>>
}

/** Sends one request with this target to a hub of its own. */
async function ask(target: string, asked: Asked = {}): Promise<Answer> {
  const { host = 'localhost', method = 'GET', headers = '', flags = {} } = asked
  const hub = await startTestHub(flags)
  return exchange(hub.port, [
    `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${headers}Connection: close\r\n\r\n`,
  ])
}

describe('a target in absolute form', () => {
  test.each([
    'http://localhost/livez',
    'HTTP://LOCALHOST/livez',
    'http://localhost:7070/livez',
    'http://localhost:/livez',
    'http://127.0.0.1:1/livez',
    'http://[::1]:7070/livez',
    'https://localhost/livez',
  ])('reaches the path it names: %s', async (target) => {
    const answer = await ask(target)
    expect(answer).toMatchObject({ status: 200, body: '{"status":"live"}\n', ending: 'end' })
  })

  test.each(['http://localhost', 'http://localhost?topic=orders/42', 'http://localhost/?x'])(
    'without a path is the page: %s',
    async (target) => {
      const answer = await ask(target)
      expect(answer.status).toBe(200)
      expect(answer.headers).toContain('text/html')
    },
  )

  test('publishes, and keeps its query', async () => {
    const hub = await startTestHub()
    const host = 'Host: localhost\r\nConnection: close\r\n'
    await exchange(hub.port, [
      `POST http://localhost/topics/a%20b?type=paid HTTP/1.1\r\n${host}Content-Length: 1\r\n\r\nx`,
    ])
    const history = `GET http://localhost/topics/a%20b?limit=1 HTTP/1.1\r\n${host}\r\n`
    const { body } = await exchange(hub.port, [history])
    expect(JSON.parse(body)).toMatchObject({ records: [{ topic: 'a b', type: 'paid', data: 'x' }] })
  })

  test('opens a stream, of the topics its query names', async () => {
    const hub = await startTestHub()
    const target = 'http://localhost/events?topic=a&topic=b/*'
    const asked = `GET ${target} HTTP/1.1\r\nHost: proxy.example\r\n\r\n`
    const socket = await openUntil(hub.port, asked, 'tidemark.ready')
    const delivered = once(socket, 'data')
    const head = 'POST /topics/b/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n'
    await exchange(hub.port, [`${head}Content-Length: 4\r\n\r\nhere`])
    expect(String((await delivered)[0])).toContain('data: here')
    socket.destroy()
  })

  test('of another name is refused, whatever Host says: a rebound name does not pass', async () => {
    const answer = await ask('http://rebound.example/livez', { host: 'localhost' })
    expect(answer).toMatchObject({ status: 403, ending: 'end' })
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'HOST_FOREIGN' })
    expect(answer.body).toContain('rebound.example')
  })

  test('of this machine is answered, whatever Host says: the target wins', async () => {
    expect(await ask('http://localhost/livez', { host: 'proxy.example' })).toMatchObject({
      status: 200,
    })
  })

  test.each([
    ['http://evil.example/topics/a', 'Origin: http://localhost\r\n'],
    ['http://localhost:99/topics/a', 'Origin: http://localhost\r\n'],
    ['http://localhost/topics/a', 'Origin: http://evil.example\r\n'],
  ])('%s is what the origin of a page is compared with (%j)', async (target, headers) => {
    const flags = { insecure: 'true' }
    const answer = await ask(target, {
      method: 'POST',
      headers: `${headers}Content-Length: 0\r\n`,
      flags,
    })
    expect(answer).toMatchObject({ status: 403 })
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'CROSS_SITE' })
  })

  test('of the page’s own origin may publish, though Host is another', async () => {
    const headers = 'Origin: http://hub.example\r\nContent-Length: 0\r\n'
    const asked = { method: 'POST', host: 'inside.example', headers, flags: { insecure: 'true' } }
    expect(await ask('http://hub.example/topics/a', asked)).toMatchObject({ status: 200 })
  })

  test('still needs one Host', async () => {
    const hub = await startTestHub()
    const line = 'GET http://localhost/livez HTTP/1.1\r\n'
    for (const hosts of ['', 'Host: localhost\r\nHost: localhost\r\n']) {
      const answer = await exchange(hub.port, [`${line}${hosts}Connection: close\r\n\r\n`])
      expect(answer).toMatchObject({ status: 400 })
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'REQUEST_MALFORMED' })
    }
  })

  test('is not cleaned up: dots in its path are refused as they are elsewhere', async () => {
    const answer = await ask('http://localhost/topics/a/../b')
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'TOPIC_INVALID' })
  })

  test('may be part of a path: what follows the first slash is no authority', async () => {
    const answer = await ask('/http://localhost/livez')
    expect(answer).toMatchObject({ status: 404 })
  })
})

describe('a target that names nothing here is refused as malformed, and its connection ends', () => {
  test.each([
    ['a user name', 'http://ada@localhost/livez'],
    ['a user name and a password', 'http://localhost:secret@evil.example/livez'],
    ['a name that only looks like ours, behind a user name', 'http://localhost@evil.example/'],
    ['no host', 'http:///livez'],
    ['no host but a port', 'http://:7070/livez'],
    ['a port beyond 65535', 'http://localhost:99999/livez'],
    ['a port of letters', 'http://localhost:abc/livez'],
    ['an address that is not closed', 'http://[::1/livez'],
    ['another scheme', 'ftp://localhost/livez'],
    ['a scheme of web sockets', 'ws://localhost/events'],
    ['an authority alone', 'localhost:7070'],
    ['an asterisk for GET', '*'],
  ])('%s: %s', async (_name, target) => {
    const hub = await startTestHub()
    // Kept, if the hub did not end it.
    const answer = await exchange(hub.port, [`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`])
    expect(answer).toMatchObject({ status: 400, ending: 'end' })
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'REQUEST_MALFORMED' })
  })
})

describe('OPTIONS *', () => {
  test('asks the hub as a whole, and is told its methods', async () => {
    const answer = await ask('*', { method: 'OPTIONS' })
    expect(answer).toMatchObject({ status: 204, body: '', ending: 'end' })
    expect(answer.headers).toMatch(
      /\r\nAllow: GET, HEAD, POST, DELETE, PATCH, PUT, OPTIONS(\r\n|$)/,
    )
  })

  test('of a foreign name is refused like any other request', async () => {
    expect(await ask('*', { method: 'OPTIONS', host: 'evil.example' })).toMatchObject({
      status: 403,
    })
  })
})

test('CONNECT opens no tunnel: the connection is closed', async () => {
  const answer = await ask('localhost:443', { method: 'CONNECT' })
  expect([0, 405]).toContain(answer.status)
})

describe('over HTTP/2, where :authority names the hub', () => {
  test('a path in absolute form is malformed; CONNECT and OPTIONS * are answered', async () => {
    const certificate = await makeCertificate()
    const hub = await startTestHub(certificate.flags)
    await certificate.remove()
    const session = connectHttp2(hub.port)
    // The library below Node resets such a stream by itself.
    const absolute = await request(session, { ':path': 'https://localhost/livez' })
    expect(absolute).toMatchObject({ status: 0, rstCode: constants.NGHTTP2_PROTOCOL_ERROR })
    expect(await request(session, { ':path': '/livez' })).toMatchObject({ status: 200 })
    expect(await request(session, { ':method': 'OPTIONS', ':path': '*' })).toMatchObject({
      status: 204,
    })
    const tunnel = session.request({ ':method': 'CONNECT', ':authority': 'localhost:443' })
    const told = collect(tunnel)
    tunnel.end()
    expect(await told).toMatchObject({ status: 405 })
  })
})
