// Everything that should not be sent, sent. Each gets a coded problem, or is ignored as
// docs/PROTOCOL.md says.

import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { exchange, openUntil } from './support/raw.ts'
import { startTestHub } from './support/test-hub.ts'

const close = 'Host: localhost\r\nConnection: close\r\n'

function post(
  path: string,
  body: string | Uint8Array,
  headers: string = '',
): [string, string | Uint8Array] {
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.length
  return [`POST ${path} HTTP/1.1\r\n${close}${headers}Content-Length: ${length}\r\n\r\n`, body]
}

const getting = (path: string, headers: string = ''): [string] => [
  `GET ${path} HTTP/1.1\r\n${close}${headers}\r\n`,
]

type Case = readonly [
  name: string,
  request: readonly (string | Uint8Array)[],
  status: number,
  code: string,
  detail?: RegExp,
]

const long = (length: number): string => 'x'.repeat(length)
const ndjson = 'Content-Type: application/x-ndjson\r\n'

const cases: readonly Case[] = [
  ['a topic of one dot', post('/topics/.', 'x'), 400, 'TOPIC_INVALID'],
  ['a topic with two dots', post('/topics/a/../b', 'x'), 400, 'TOPIC_INVALID', /URLs drop it/],
  ['encoded dots', post('/topics/a/%2e%2E', 'x'), 400, 'TOPIC_INVALID'],
  ['an encoded slash', post('/topics/a%2Fb', 'x'), 400, 'PATH_INVALID', /Write the slash itself/],
  ['an empty segment', post('/topics/a//b', 'x'), 400, 'TOPIC_INVALID'],
  ['no topic', post('/topics/', 'x'), 400, 'TOPIC_INVALID'],
  ['a pattern', post('/topics/a/*', 'x'), 400, 'TOPIC_INVALID', /pattern/],
  ['a control character', post('/topics/a%0Ab', 'x'), 400, 'TOPIC_INVALID', /control character/],
  ['a topic of 257 bytes', post(`/topics/${long(257)}`, 'x'), 400, 'TOPIC_INVALID', /256 bytes/],
  ['a path that is not UTF-8', post('/topics/%FF%FE', 'x'), 400, 'PATH_INVALID'],
  ['a path with a lone percent', post('/topics/100%', 'x'), 400, 'PATH_INVALID'],
  ['a topic of the hub', post('/topics/$hub/x', 'x'), 403, 'TOPIC_RESERVED'],
  ['a ledger to publish to', post('/topics/$hub/state/bans', 'x'), 403, 'TOPIC_RESERVED'],
  ['a ledger to follow', getting('/events?topic=a&topic=$hub/state/bans'), 403, 'TOPIC_RESERVED'],
  ['ledgers by a pattern', getting('/events?topic=$hub/*/bans'), 403, 'TOPIC_RESERVED'],
  ['a history of a ledger', getting('/topics/$hub/state/bans'), 403, 'TOPIC_RESERVED'],
  [
    'a topic that would forge a control event',
    post('/topics/tidemark.bye', 'x'),
    403,
    'TOPIC_RESERVED',
  ],
  ['a subscription that is not UTF-8', getting('/events?topic=%FF'), 400, 'QUERY_INVALID'],
  ['a type that is not UTF-8', post('/topics/a?type=%FF', 'x'), 400, 'QUERY_INVALID'],
  ['a body that is not UTF-8', post('/topics/a', Buffer.from([0xc3, 0x28])), 400, 'BODY_NOT_UTF8'],
  [
    'a body over the limit',
    post('/topics/a', long(8 * 1024 * 1024 + 1)),
    413,
    'BODY_TOO_LARGE',
    /8388608/,
  ],
  [
    'an event over the limit',
    post('/topics/a', long(1024 * 1024 + 1)),
    413,
    'EVENT_TOO_LARGE',
    /1048576 bytes; got 1048577/,
  ],
  [
    'a type with a line break',
    post('/topics/a?type=x%0Adata:%20forged', 'x'),
    400,
    'EVENT_TYPE_INVALID',
  ],
  ['a type of the hub', post('/topics/a?type=tidemark.bye', 'x'), 400, 'EVENT_TYPE_INVALID'],
  ['a key with a line break', post('/topics/a?key=x%0Ay', 'x'), 400, 'EVENT_KEY_INVALID'],
  [
    'an unknown query parameter',
    post('/topics/a?typ=x', 'x'),
    400,
    'QUERY_INVALID',
    /Did you mean type\?/,
  ],
  [
    'a repeated query parameter',
    post('/topics/a?type=x&type=y', 'x'),
    400,
    'QUERY_INVALID',
    /once/,
  ],
  [
    'an idempotency key of the hub',
    post('/topics/a', 'x', 'Idempotency-Key: $hub/bans/1-2\r\n'),
    400,
    'IDEMPOTENCY_KEY_INVALID',
    /Use another key/,
  ],
  [
    'an idempotency key with a space',
    post('/topics/a', 'x', 'Idempotency-Key: a b\r\n'),
    400,
    'IDEMPOTENCY_KEY_INVALID',
  ],
  [
    'an idempotency key of 129',
    post('/topics/a', 'x', `Idempotency-Key: ${long(129)}\r\n`),
    400,
    'IDEMPOTENCY_KEY_INVALID',
  ],
  ['a head that is no cursor', post('/topics/a', 'x', 'If-Head: 7\r\n'), 400, 'QUERY_INVALID'],
  [
    'a head for two topics',
    post(
      '/publish',
      '[{"topic":"a","data":1},{"topic":"b","data":1}]',
      'If-Head: 1abcdefghijklmno0000-1\r\n',
    ),
    400,
    'BATCH_INVALID',
    /of one topic/,
  ],
  [
    'a head of another log',
    post('/topics/a', 'x', 'If-Head: 1abcdefghijklmno0000-1\r\n'),
    412,
    'HEAD_MOVED',
    /no place of this history/,
  ],
  ['an empty publish', post('/publish', ''), 400, 'BODY_NOT_JSON'],
  ['an empty array', post('/publish', '[]'), 400, 'BATCH_INVALID'],
  ['malformed JSON', post('/publish', '{"topic":"a",'), 400, 'BODY_NOT_JSON'],
  [
    'malformed JSON in line 3',
    post('/publish', '{"topic":"a","data":1}\n\n{"topic":\n', ndjson),
    400,
    'BODY_NOT_JSON',
    /Line 3 /,
  ],
  [
    'a bad event in line 2',
    post('/publish', '{"topic":"a","data":1}\n{"topic":"b"}\n', ndjson),
    400,
    'EVENT_INVALID',
    /Line 2 has no data/,
  ],
  [
    'a bad event at index 1',
    post('/publish', '[{"topic":"a","data":1},7]'),
    400,
    'EVENT_INVALID',
    /index 1/,
  ],
  [
    'a filter that is too long',
    getting(`/events?topic=a&keys=${'k'.repeat(2_049)}`),
    400,
    'FILTER_INVALID',
    /2048 characters/,
  ],
  [
    'a filter without a value',
    getting('/events?topic=a&where=region'),
    400,
    'FILTER_INVALID',
    /region:eu/,
  ],
  [
    'a filter of one tag twice',
    getting('/events?topic=a&where=a:1&where=a:2'),
    400,
    'FILTER_INVALID',
    /twice/,
  ],
  [
    'a filter whose tag is no text',
    post('/events', '{"topics":["a"],"where":{"region":7}}'),
    400,
    'FILTER_INVALID',
    /where\.region is one text or more; got 7/,
  ],
  [
    'a permission that is no text',
    post('/publish', '{"topic":"a","data":1,"permission":7}'),
    400,
    'EVENT_PERMISSION_INVALID',
    /got 7/,
  ],
  [
    'a permission that is empty',
    post('/topics/a?permission=', 'x'),
    400,
    'EVENT_PERMISSION_INVALID',
    /1 to 128/,
  ],
  [
    'a tag without a value',
    post('/topics/a?tag=region', 'x'),
    400,
    'EVENT_TAGS_INVALID',
    /tag=region:eu/,
  ],
  [
    'a tag given twice',
    post('/topics/a?tag=a:1&tag=a:2', 'x'),
    400,
    'EVENT_TAGS_INVALID',
    /once for each name/,
  ],
  [
    'a tag that is no text',
    post('/publish', '{"topic":"a","data":1,"tags":{"region":7}}'),
    400,
    'EVENT_TAGS_INVALID',
    /"region" must be text; got 7/,
  ],
  [
    'a life that is no duration',
    post('/publish', '{"topic":"a","data":1,"ttl":"soon"}'),
    400,
    'EVENT_TTL_INVALID',
    /whole number of milliseconds.*"soon"/,
  ],
  [
    'a life in a query of no time',
    post('/topics/a?ttl=0s', 'x'),
    400,
    'EVENT_TTL_INVALID',
    /got 0/,
  ],
  ['a life of two years', post('/topics/a?ttl=731d', 'x'), 400, 'EVENT_TTL_INVALID'],
  [
    'tags in a list',
    post('/publish', '{"topic":"a","data":1,"tags":["eu"]}'),
    400,
    'EVENT_TAGS_INVALID',
    /must be an object of texts/,
  ],
  [
    'an unknown member',
    post('/publish', '{"topic":"a","dta":1,"data":1}'),
    400,
    'EVENT_INVALID',
    /did you mean data\?/,
  ],
  [
    'JSON nested deeper than the stack',
    post('/publish', `{"topic":"a","data":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
    400,
    'BODY_NOT_JSON',
    /1000 levels/,
  ],
  [
    'a topic nested deeper than the stack',
    post('/publish', `[{"data":1,"topic":${'['.repeat(900)}${']'.repeat(900)}}]`),
    400,
    'EVENT_INVALID',
    /got an array of 1/,
  ],
  [
    'topics nested deeper than the stack',
    post('/events', `{"topics":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
    400,
    'BODY_NOT_JSON',
  ],
  ['an array that ends early', post('/publish', '[{"topic":"a","data":1}'), 400, 'BODY_NOT_JSON'],
  [
    '10,001 events',
    post('/publish', '{"topic":"a","data":1}\n'.repeat(10_001), ndjson),
    400,
    'BATCH_INVALID',
    /1 to 10000 events/,
  ],
  ['lines without an event', post('/publish', '\n\n', ndjson), 400, 'BATCH_INVALID', /got 0/],
  ['an event without a topic', post('/publish', '{"data":1}'), 400, 'TOPIC_INVALID'],
  ['a topic that is a number', post('/publish', '{"topic":7,"data":1}'), 400, 'EVENT_INVALID'],
  [
    'half of a surrogate pair',
    post('/publish', '{"topic":"a","data":"\\ud800"}'),
    400,
    'EVENT_DATA_INVALID',
  ],
  ['no topic to subscribe to', getting('/events'), 400, 'TOPIC_SET_INVALID', /at least one topic/],
  [
    'an unknown subscription parameter',
    getting('/events?topics=a&sinec=now'),
    400,
    'QUERY_INVALID',
    /Did you mean since\?/,
  ],
  ['since twice', getting('/events?topic=a&since=now&since=5m'), 400, 'QUERY_INVALID', /once/],
  ['an unknown since', getting('/events?topic=a&since=teatime'), 400, 'QUERY_INVALID'],
  [
    '1,001 topics',
    post('/events', JSON.stringify({ topics: Array.from({ length: 1_001 }, (_, i) => `t${i}`) })),
    400,
    'TOPIC_SET_INVALID',
    /1000/,
  ],
  ['a history limit of 0', getting('/topics/a?limit=0'), 400, 'QUERY_INVALID', /1 to 1000/],
  [
    'a history cursor that is none',
    getting('/topics/a?after=yesterday'),
    400,
    'QUERY_INVALID',
    /cursor/,
  ],
  ['the history of a pattern', getting('/topics/a/*'), 400, 'PATH_INVALID'],
  [
    'a wrong method',
    ['DELETE /events HTTP/1.1\r\n', close, '\r\n'],
    405,
    'METHOD_NOT_ALLOWED',
    /GET, HEAD, POST/,
  ],
  [
    'a GET of what can only be posted',
    getting('/publish'),
    405,
    'METHOD_NOT_ALLOWED',
    /takes POST; got "GET"/,
  ],
  ['an unknown path', getting('/event'), 404, 'NOT_FOUND'],
  ['a path of the prototype', getting('/__proto__'), 404, 'NOT_FOUND'],
  [
    'a method of the prototype',
    ['constructor /livez HTTP/1.1\r\n', close, '\r\n'],
    400,
    'REQUEST_MALFORMED',
  ],
  ['64 KB of request line', getting(`/events?topic=${long(65_536)}`), 431, 'HEADERS_TOO_LARGE'],
  ['64 KB of headers', getting('/livez', `X-Long: ${long(65_536)}\r\n`), 431, 'HEADERS_TOO_LARGE'],
  [
    'a publish whose Host, Origin and key stand behind 2,000 other fields',
    [
      `POST /topics/a HTTP/1.1\r\n${'a:\r\n'.repeat(2_000)}${close}Origin: https://evil.example\r\nIdempotency-Key: k\r\nContent-Length: 1\r\n\r\nx`,
    ],
    431,
    'HEADERS_TOO_MANY',
    /128 header fields; got 2005/,
  ],
  [
    'more fields than a request may have',
    getting('/livez', 'a: b\r\n'.repeat(127)),
    431,
    'HEADERS_TOO_MANY',
  ],
  [
    'two heads',
    post(
      '/topics/a',
      'x',
      'If-Head: 1abcdefghijklmno0000-1\r\nIf-Head: 1abcdefghijklmno0000-1\r\n',
    ),
    400,
    'REQUEST_MALFORMED',
    /gives if-head once/,
  ],
  [
    'two idempotency keys',
    post('/topics/a', 'x', 'Idempotency-Key: k1\r\nIdempotency-Key: k2\r\n'),
    400,
    'REQUEST_MALFORMED',
    /gives idempotency-key once/,
  ],
  [
    'two authorizations, of which Node would drop the second',
    post('/topics/a', 'x', 'Authorization: Bearer a\r\nAuthorization: Bearer b\r\n'),
    400,
    'REQUEST_MALFORMED',
    /gives authorization once/,
  ],
  [
    'two media types, of which Node would drop the second',
    post('/publish', '{"topic":"a","data":1}', `${ndjson}content-type: application/json\r\n`),
    400,
    'REQUEST_MALFORMED',
  ],
  [
    'two origins, one of them our own',
    post('/topics/a', 'x', 'Origin: http://localhost\r\nOrigin: https://evil.example\r\n'),
    400,
    'REQUEST_MALFORMED',
  ],
  ['no HTTP at all', ['SSH-2.0-OpenSSH_9.6\r\n\r\n'], 400, 'REQUEST_MALFORMED'],
  [
    'two hosts, the second one foreign',
    [`POST /topics/a HTTP/1.1\r\n${close}Host: evil.example\r\nContent-Length: 1\r\n\r\nx`],
    400,
    'REQUEST_MALFORMED',
    /gives host once/,
  ],
  ['the same host twice', getting('/livez', 'host: localhost\r\n'), 400, 'REQUEST_MALFORMED'],
  [
    'two hosts of HTTP/1.0',
    [`GET /livez HTTP/1.0\r\n${close}Host: localhost\r\n\r\n`],
    400,
    'REQUEST_MALFORMED',
  ],
  [
    'no host, on a connection that would be kept',
    ['GET /livez HTTP/1.1\r\n\r\n'],
    400,
    'REQUEST_MALFORMED',
    /one Host header; got none/,
  ],
  [
    'an expectation nobody can meet',
    post('/topics/a', 'x', 'Expect: 200-ok\r\n'),
    417,
    'EXPECTATION_FAILED',
    /100-continue only; got "200-ok"/,
  ],
  [
    'an expectation nobody can meet beside one that can be met',
    post('/topics/a', 'x', 'Expect: 100-continue, 200-ok\r\n'),
    417,
    'EXPECTATION_FAILED',
    /100-continue only; got "100-continue, 200-ok"/,
  ],
  [
    'an expectation that only ends like one that can be met',
    post('/topics/a', 'x', 'Expect: x-100-continue\r\n'),
    417,
    'EXPECTATION_FAILED',
  ],
  [
    'a foreign host',
    ['GET /livez HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n'],
    403,
    'HOST_FOREIGN',
  ],
  [
    'a host that only begins like ours',
    ['GET /livez HTTP/1.1\r\nHost: localhost.evil.example\r\nConnection: close\r\n\r\n'],
    403,
    'HOST_FOREIGN',
  ],
  [
    'a cross-site publish',
    post('/topics/a', 'x', 'Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n'),
    403,
    'CROSS_SITE',
  ],
  [
    'a publish from another port',
    post('/topics/a', 'x', 'Origin: http://localhost:3000\r\nSec-Fetch-Site: same-site\r\n'),
    403,
    'CROSS_SITE',
  ],
  [
    'a cross-site publish by an old browser',
    post('/topics/a', 'x', 'Origin: http://localhost:3000\r\n'),
    403,
    'CROSS_SITE',
  ],
  [
    'a port no URL can have, with an origin',
    [
      'POST /topics/a HTTP/1.1\r\nHost: 127.0.0.1:99999\r\nOrigin: http://127.0.0.1\r\n',
      'Connection: close\r\nContent-Length: 1\r\n\r\nx',
    ],
    403,
    'CROSS_SITE',
  ],
  [
    'an image of another page that would drive writes to the disk',
    getting('/readyz', 'Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n'),
    403,
    'CROSS_SITE',
  ],
  [
    'a script of another page that would read how busy the hub is',
    getting('/stats', 'Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n'),
    403,
    'CROSS_SITE',
  ],
  [
    'an image of another port that would hold streams open',
    getting('/events?topic=a', 'Sec-Fetch-Site: same-site\r\n'),
    403,
    'CROSS_SITE',
  ],
  ['a publish of a sandboxed page', post('/topics/a', 'x', 'Origin: null\r\n'), 403, 'CROSS_SITE'],
]

const rows = cases.map(([name, request, status, code, detail = /./]) => ({
  name,
  request,
  status,
  code,
  detail,
}))

test.each(rows)('$name', async ({ request, status, code, detail }) => {
  const hub = await startTestHub()
  const answer = await exchange(hub.port, request)
  expect(answer).toMatchObject({ status, ending: 'end' })
  expect(answer.headers).toContain('application/problem+json')
  const problem = JSON.parse(answer.body) as {
    code: string
    title: string
    detail: string
    status: number
  }
  expect(problem).toMatchObject({ code, status })
  expect(problem.detail).toMatch(detail)
  expect(problem.title).not.toBe('')
  expect((await exchange(hub.port, getting('/topics/a'))).body, 'nothing was published').toContain(
    '"records":[]',
  )
})

test('HEAD of what can only be posted is refused, without a body', async () => {
  const hub = await startTestHub()
  const answer = await exchange(hub.port, [`HEAD /publish HTTP/1.1\r\n${close}\r\n`])
  expect(answer).toMatchObject({ status: 405, body: '', ending: 'end' })
  expect(answer.headers).toMatch(/\r\nAllow: POST\r\n/)
})

describe('with --insecure', () => {
  const foreign = 'Host: hub.example\r\nConnection: close\r\n'
  const publish = (headers: string): [string] => [
    `POST /topics/a HTTP/1.1\r\n${foreign}${headers}Content-Length: 1\r\n\r\nx`,
  ]

  test.each([
    'Origin: https://evil.example\r\n',
    'Origin: null\r\n',
    'Sec-Fetch-Site: cross-site\r\n',
    'Sec-Fetch-Site: same-site\r\nOrigin: https://shop.hub.example\r\n',
  ])('a page its visitor happens to open still cannot publish (%j)', async (headers) => {
    const hub = await startTestHub({ insecure: 'true' })
    const answer = await exchange(hub.port, publish(headers))
    expect(answer).toMatchObject({ status: 403, ending: 'end' })
    expect(answer.body).toContain('"CROSS_SITE"')
  })

  test.each([
    '',
    'Origin: http://hub.example\r\n',
    'Origin: https://hub.example\r\n',
    // Behind a proxy that asks the hub by another name.
    'Origin: https://events.example\r\nSec-Fetch-Site: same-origin\r\n',
  ])('a program, or a page of its own, can (%j)', async (headers) => {
    const hub = await startTestHub({ insecure: 'true' })
    expect(await exchange(hub.port, publish(headers))).toMatchObject({ status: 200 })
  })
})

test('what comes in the same packet behind a request with two hosts is not done', async () => {
  const hub = await startTestHub()
  const host = 'Host: localhost\r\n'
  const answer = await exchange(hub.port, [
    `GET /livez HTTP/1.1\r\n${host}Host: evil.example\r\n\r\nPOST /topics/a HTTP/1.1\r\n${host}Content-Length: 1\r\n\r\nx`,
  ])
  expect(answer).toMatchObject({ status: 400, ending: 'end' })
  expect(answer.body).not.toMatch(/HTTP\/1\.1 \d/)
  expect((await exchange(hub.port, getting('/topics/a'))).body).toContain('"records":[]')
})

describe('on a connection whose stream is open', () => {
  const subscribe = 'GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\n\r\n'

  test('a second request is not answered, the connection is closed', async () => {
    const hub = await startTestHub()
    const socket = await openUntil(hub.port, subscribe, 'tidemark.ready')
    socket.write('POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx')
    await once(socket, 'close')
    expect((await exchange(hub.port, getting('/topics/a'))).body).toContain('"records":[]')
  })

  test('bytes that are no request close it, and write no second answer into the stream', async () => {
    const hub = await startTestHub()
    const socket = await openUntil(hub.port, subscribe, 'tidemark.ready')
    let after = ''
    socket.on('data', (chunk: string) => (after += chunk))
    socket.write('\0\0\0 garbage \r\n\r\n')
    await once(socket, 'close')
    expect(after).not.toContain('HTTP/1.1')
  })

  test('a client that half-closes is gone', async () => {
    const hub = await startTestHub()
    const socket = await openUntil(hub.port, subscribe, 'tidemark.ready')
    socket.end()
    await once(socket, 'close')
    await expect
      .poll(
        async () => JSON.parse((await exchange(hub.port, post('/topics/a', 'x'))).body) as unknown,
      )
      .toMatchObject({ sessions: 0 })
  })
})

test('a body that never ends is refused at the limit, not collected', async () => {
  const hub = await startTestHub({ 'max-request-bytes': '64KiB', 'max-event-bytes': '64KiB' })
  const chunk = `10000\r\n${long(65_536)}\r\n`
  const head = `POST /topics/a HTTP/1.1\r\n${close}Transfer-Encoding: chunked\r\n\r\n`
  const answer = await exchange(hub.port, [head, chunk, chunk, chunk])
  expect(answer).toMatchObject({ status: 413 })
})

test('an expectation that cannot be met is refused before the body is sent, and the connection goes on', async () => {
  const hub = await startTestHub()
  const head = 'POST /topics/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n'
  const socket = await openUntil(hub.port, `${head}Expect: much\r\n\r\n`, 'EXPECTATION_FAILED')
  let after = ''
  socket.on('data', (chunk: string) => (after += chunk))
  // The body belongs to what was refused.
  socket.write(`x${getting('/topics/a').join('')}`)
  await once(socket, 'close')
  expect(after).toContain('"records":[]')
})

test.each([
  ['/'],
  ['/livez'],
  ['/readyz'],
  ['/stats'],
  ['/events?topic=a'],
  ['/topics/a'],
  ['/page.js'],
  ['/nowhere'],
])('two hosts are refused at %s, with --insecure too', async (path) => {
  const hub = await startTestHub({ insecure: 'true' })
  const answer = await exchange(hub.port, [
    `GET ${path} HTTP/1.1\r\nHost: hub.example\r\nHost: evil.example\r\n\r\n`,
  ])
  expect(answer).toMatchObject({ status: 400, ending: 'end' })
  expect(JSON.parse(answer.body)).toMatchObject({ code: 'REQUEST_MALFORMED' })
})
