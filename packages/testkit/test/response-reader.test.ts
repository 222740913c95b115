// The reader of raw responses: it takes them cut anywhere, and nothing that is out of place.

import { expect, test } from 'vitest'
import { ResponseReader } from '../src/traffic/response-reader.ts'

interface Read {
  readonly status: number
  readonly body: string
  readonly isDone: boolean
}

const head =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'

function read(text: string, partLength = text.length): Read {
  let status = 0
  let body = ''
  const reader = new ResponseReader({
    opened: (given) => (status = given),
    bytes: (chunk) => (body += Buffer.from(chunk).toString()),
  })
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += partLength) {
    reader.push(bytes.subarray(at, at + partLength))
  }
  return { status, body, isDone: reader.isDone }
}

test('chunks are put together, however the bytes are cut', () => {
  const text = `${head}5\r\nid: 1\r\nb\r\n\ndata: one\n\r\n0\r\n\r\n`
  for (const length of [1, 2, 3, 7, 1_000]) {
    expect(read(text, length)).toEqual({ status: 200, body: 'id: 1\ndata: one\n', isDone: true })
  }
})

test('a body without chunks goes on to the end of the connection', () => {
  const text = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ndata: one\n\n'
  expect(read(text, 5)).toEqual({ status: 200, body: 'data: one\n\n', isDone: false })
})

test.each([
  ['a size that is no number', `${head}five\r\nid: 1\r\n`],
  ['a chunk that is longer than it says', `${head}4\r\nid: 1\r\n`],
  ['a size without CR', `${head}5\nid: 1\r\n`],
  ['bytes behind the last chunk', `${head}0\r\n\r\nid: 1\n`],
  ['another protocol', 'HTTP/2 200 OK\r\n\r\n'],
])('%s is an error', (_, text) => {
  expect(() => read(text)).toThrow(/^Got /)
})
