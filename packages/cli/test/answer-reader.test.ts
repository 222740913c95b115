// The reader of raw answers: it takes them cut anywhere, and nothing that is out of place.

import { expect, test } from 'vitest'
import { AnswerReader } from '../src/bench/answer-reader.ts'

interface Read {
  readonly status: number
  readonly type: string | undefined
  readonly body: string
  readonly isComplete: boolean
}

const head =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'

function read(text: string, partLength = text.length): Read {
  let status = 0
  let type: string | undefined
  let body = ''
  const reader = new AnswerReader({
    opened: (given) => {
      status = given.status
      type = given.fields.get('content-type')
    },
    body: (slice) => (body += Buffer.from(slice).toString()),
  })
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += partLength) {
    reader.push(bytes.subarray(at, at + partLength))
  }
  return { status, type, body, isComplete: reader.isComplete }
}

test('a chunked answer reads the same however it is cut', () => {
  const text =
    `HTTP/1.1 103 Early Hints\r\n\r\n${head}` +
    '5\r\ndata:\r\nC;name=value\r\n 1\n\ndata: 2\n\r\n1\r\n\n\r\n0\r\nTrailer: x\r\n\r\n'
  for (let size = 1; size <= text.length; size++) {
    expect(read(text, size)).toEqual({
      status: 200,
      type: 'text/event-stream',
      body: 'data: 1\n\ndata: 2\n\n',
      isComplete: true,
    })
  }
})

test('a body without chunks goes on to the end of the connection', () => {
  const text = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ndata: one\n\n'
  expect(read(text, 5)).toMatchObject({ status: 200, body: 'data: one\n\n', isComplete: false })
})

test('a body of a known length ends there', () => {
  const text = 'HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nfull'
  expect(read(text, 3)).toMatchObject({ status: 503, body: 'full', isComplete: true })
})

test.each([
  ['a size that is no number', `${head}five\r\nid: 1\r\n`],
  ['a size that is missing', `${head}\r\nid: 1\r\n`],
  ['a chunk that is longer than it says', `${head}4\r\nid: 1\r\n`],
  ['a size without CR', `${head}5\nid: 1\r\n`],
  ['a CR without LF', `${head}5\r5\r\nid: 1\r\n`],
  ['bytes behind the last chunk', `${head}0\r\n\r\nid: 1\n`],
  ['another version of HTTP', 'HTTP/2 200 OK\r\n\r\n'],
  ['another protocol', 'SSH-2.0'],
])('%s is an error, not data', (_, text) => {
  expect(() => read(text)).toThrow(/^the answer/)
  expect(() => read(text, 1)).toThrow(/^the answer/)
})
