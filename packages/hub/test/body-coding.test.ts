// Bodies that are not the plain UTF-8 they would be stored as (RFC 9110 §8.4, §15.5.16; RFC 9112 §6.1).

import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { exchange } from './support/raw.ts'
import type { Answer } from './support/raw.ts'
import { startTestHub } from './support/test-hub.ts'
import type { TestHub } from './support/test-hub.ts'

const close = 'Host: localhost\r\nConnection: close\r\n'

interface Sent {
  readonly headers: string
  readonly body: Uint8Array
}

function post(hub: TestHub, path: string, { headers, body }: Sent): Promise<Answer> {
  const head = `POST ${path} HTTP/1.1\r\n${close}${headers}Content-Length: ${body.length}\r\n\r\n`
  return exchange(hub.port, [head, body])
}

async function readTopic(hub: TestHub): Promise<readonly string[]> {
  const { body } = await exchange(hub.port, [`GET /topics/a HTTP/1.1\r\n${close}\r\n`])
  return (JSON.parse(body) as { records: { data: string }[] }).records.map(({ data }) => data)
}

const bodies = {
  '/topics/a': 'plain',
  '/publish': '{"topic":"a","data":"plain"}',
  '/events': '{"topics":["a"],"since":"teatime"}',
}

describe.each(Object.entries(bodies))('POST %s', (path, text) => {
  test.each(['gzip', 'br', 'deflate, gzip', 'identity, gzip', 'GZIP', 'x-unknown'])(
    'of a body in %j is refused, and says how to send it; its bytes are not stored as they are',
    async (coding) => {
      const hub = await startTestHub()
      const answer = await post(hub, path, {
        headers: `Content-Encoding: ${coding}\r\n`,
        body: gzipSync(text),
      })
      expect(answer).toMatchObject({ status: 415, ending: 'end' })
      expect(answer.headers).toMatch(/\r\nAccept-Encoding: identity(\r\n|$)/)
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'CONTENT_ENCODING_UNSUPPORTED' })
      expect(await readTopic(hub)).toEqual([])
    },
  )

  test.each(['latin1', 'iso-8859-1', '"UTF-16"', 'windows-1252', 'utf-8; charset=latin1'])(
    'of a body in the charset %s is refused, and not read as another text',
    async (charset) => {
      const hub = await startTestHub()
      const headers = `Content-Type: text/plain; x=y; Charset=${charset}\r\n`
      const answer = await post(hub, path, { headers, body: Buffer.from(text) })
      expect(answer).toMatchObject({ status: 415, ending: 'end' })
      expect(answer.headers).not.toMatch(/Accept-Encoding/)
      expect(JSON.parse(answer.body)).toMatchObject({ code: 'CHARSET_UNSUPPORTED' })
      expect(await readTopic(hub)).toEqual([])
    },
  )

  test.each([
    ['Content-Encoding: identity\r\n'],
    ['Content-Encoding: Identity, identity\r\n'],
    ['Content-Encoding: \r\n'],
    ['Content-Type: text/plain\r\n'],
    ['Content-Type: text/plain;charset=UTF-8\r\n'],
    ['Content-Type: text/plain; charset="utf-8"; x=y\r\n'],
    ['Content-Type: text/plain; charset=utf8\r\n'],
    ['Content-Type: text/plain; charset=US-ASCII\r\n'],
    ['Content-Type: text/plain; title="charset=latin1"\r\n'],
  ])('with %j is taken', async (headers) => {
    const hub = await startTestHub()
    const answer = await post(hub, path, { headers, body: Buffer.from(text) })
    if (path === '/events') expect(answer).toMatchObject({ status: 400 })
    else expect(await readTopic(hub)).toEqual(['plain'])
  })

  test('in a transfer coding that nobody here undoes is 501, not stored as it came', async () => {
    const hub = await startTestHub()
    const zipped = gzipSync(text)
    const answer = await exchange(hub.port, [
      `POST ${path} HTTP/1.1\r\n${close}Transfer-Encoding: gzip, chunked\r\n\r\n`,
      `${zipped.length.toString(16)}\r\n`,
      zipped,
      '\r\n0\r\n\r\n',
    ])
    expect(answer).toMatchObject({ status: 501, ending: 'end' })
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'TRANSFER_ENCODING_UNSUPPORTED' })
    expect(await readTopic(hub)).toEqual([])
  })
})
