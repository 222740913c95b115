// Requests that would like to speak another protocol: the hub goes on in HTTP/1.1 (RFC 9110 §7.8).

import { once } from 'node:events'
import { expect, test } from 'vitest'
import { exchange, openUntil } from './support/raw.ts'
import { startTestHub } from './support/test-hub.ts'

const host = 'Host: localhost\r\n'
const second = `GET /livez HTTP/1.1\r\n${host}\r\n`
const toX = 'Connection: Upgrade\r\nUpgrade: x\r\n'
const toH2c =
  'Connection: keep-alive, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'

// Node drops what comes in one packet behind such a request, and the client would wait for its answer
// for ever.
test.each([
  ['a publish', `POST /topics/a HTTP/1.1\r\n${host}${toX}Content-Length: 1\r\n\r\nx`, 200],
  [
    'a publish in chunks',
    `POST /topics/a HTTP/1.1\r\n${host}${toX}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`,
    200,
  ],
  [
    'a publish that is refused',
    `POST /events HTTP/1.1\r\n${host}${toX}Content-Length: 1\r\n\r\nx`,
    400,
  ],
  ['a GET', `GET /livez HTTP/1.1\r\n${host}${toX}\r\n`, 200],
  ['a GET of curl --http2', `GET /livez HTTP/1.1\r\n${host}${toH2c}\r\n`, 200],
  ['a GET that would become a web socket', `GET /events HTTP/1.1\r\n${host}${toX}\r\n`, 400],
])(
  'a request behind %s that asks for an upgrade is answered or its connection closed, never left waiting',
  async (_name, first, status) => {
    const hub = await startTestHub()
    const answer = await exchange(hub.port, [first + second])
    expect(answer).toMatchObject({ status, ending: 'end' })
    expect(answer.headers).toMatch(/\r\nConnection: close(\r\n|$)/i)
  },
)

test('a stream that was asked for with an upgrade is a stream', async () => {
  const hub = await startTestHub()
  const asked = `GET /events?topic=a HTTP/1.1\r\n${host}${toH2c}\r\n`
  const socket = await openUntil(hub.port, asked, 'tidemark.ready')
  const publish = `POST /topics/a HTTP/1.1\r\n${host}Connection: close\r\nContent-Length: 1\r\n\r\nx`
  const published = exchange(hub.port, [publish])
  await once(socket, 'data')
  expect(await published).toMatchObject({ status: 200 })
  socket.destroy()
})

test('Upgrade without Connection: Upgrade asks for nothing: the connection is kept', async () => {
  const hub = await startTestHub()
  const first = `GET /livez HTTP/1.1\r\n${host}Upgrade: x\r\n\r\n`
  const last = `GET /livez HTTP/1.1\r\n${host}Connection: close\r\n\r\n`
  const { headers, body } = await exchange(hub.port, [first + last])
  expect(headers).not.toMatch(/Connection: close/i)
  expect(body.match(/"live"/g)).toHaveLength(2)
})
