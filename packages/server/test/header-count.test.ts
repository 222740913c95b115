// Requests of which Node has dropped header fields, and fields that come twice.

import { request as sendRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { memoryLog } from '@tidemark/log'
import { expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import { parseSubscriptionQuery } from '../src/hub/index.ts'
import { checkHeaderCount } from '../src/node/header-count.ts'
import { sendRaw, serve } from './support/node-server.ts'

/** A request as Node shows it: what is left of its fields, and the server it came to. */
function receive(fields: number, maxHeadersCount?: number | null): IncomingMessage {
  const rawHeaders = Array.from({ length: 2 * fields }, () => 'x')
  const server = maxHeadersCount === undefined ? {} : { maxHeadersCount }
  return { rawHeaders, socket: { server } } as unknown as IncomingMessage
}

test.each([
  ['1,023 of 3,000 fields are left on Node 20 as it comes', receive(1_023), true],
  ['1,000 fields are all there', receive(1_000), false],
  ['62 of 100 are left where 50 are kept', receive(62, 50), true],
  ['50 are all there where 50 are kept', receive(50, 50), false],
  ['64 are left of nobody knows how many where 64 are kept', receive(64, 64), true],
  ['3,000 are all there where all are kept', receive(3_000, 0), false],
  ['null is what Node says for its own number', receive(1_023, null), true],
])('%s', (_, request, isRefused) => {
  if (isRefused) expect(() => checkHeaderCount(request)).toThrow(/some are missing/)
  else expect(() => checkHeaderCount(request)).not.toThrow()
})

test('a cursor behind more fields than the server keeps never becomes a stream that begins now', async () => {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  await tide.publish('a', { data: 'one' })
  const server = await serve((request, response) => void tide.subscribe(request, response))
  onTestFinished(() => server.close())
  const fields = 'a:\r\n'.repeat(1_100)
  const client = sendRaw(
    server.port,
    `GET /?topic=a HTTP/1.1\r\n${fields}Last-Event-ID: 1abcdefgh-1\r\nHost: a\r\nConnection: close\r\n\r\n`,
  )
  // Node 24 refuses such a request by itself, Node 20 hands over what is left of it.
  await client.until('\r\n\r\n')
  expect(tide.sessionCount).toBe(0)
})

test('a cursor that a proxy has doubled is the one cursor; different ones are a gap', async () => {
  const cursor = '1abcdefghijklmno0000-5'
  const start = (header: string): string =>
    parseSubscriptionQuery(new URLSearchParams('topic=a'), header).start.kind
  expect(start(cursor)).toBe('cursor')
  expect(start(`${cursor}, ${cursor}`)).toBe('cursor')
  expect(start(`${cursor},1abcdefghijklmno0000-6`)).toBe('unreadable')
})

test('the same cursor twice resumes exactly over HTTP', async () => {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  const { cursor } = await tide.publish('a', { data: 'one' })
  await tide.publish('a', { data: 'two' })
  const server = await serve((request, response) => void tide.subscribe(request, response))
  onTestFinished(() => server.close())
  const headers = ['Host', 'a', 'Last-Event-ID', cursor, 'Last-Event-ID', cursor]
  const text = await new Promise<string>((resolve) => {
    const request = sendRequest({ port: server.port, path: '/?topic=a', headers })
    request.on('response', (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        body += part
        if (!body.includes('data: two')) return
        request.destroy()
        resolve(body)
      })
      response.on('error', () => undefined)
    })
    request.on('error', () => undefined)
    request.end()
  })
  expect(text).toContain('"resumed":"exact"')
  expect(text).not.toContain('data: one')
})
