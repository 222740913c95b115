// Line breaks in whatever a hub says back, in answers, in streams and in lines for its operator. None of them
// begins a header, an event or a line of its own.

import { createHmac } from 'node:crypto'
import { askHttp, sendRaw, streamHttp, waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { makeCertificate } from './support/certificate.ts'
import { connectHttp2, request as requestHttp2 } from './support/http2.ts'
import { exchange } from './support/raw.ts'
import { startTestHub } from './support/test-hub.ts'
import type { TestHub } from './support/test-hub.ts'
import { grantToken, secret } from './support/tokens.ts'

const flags = {
  'auth-secret': secret,
  'cors-origins': 'https://*.example.org',
  'requests-headers': 'log',
  'requests-user-agent': 'log',
  'addresses-trust-proxy': 'loopback',
  'addresses-ban-after': '5',
}

/** Ways to write the end of a line, in a URL and raw. */
const breaks = ['%0d%0a', '%0a', '%0d', '%e2%80%a8%00']
const planted = (lineEnd: string): string =>
  `x${lineEnd}X-Forged: 1${lineEnd}${lineEnd}data: forged`

const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url')

function forge(head: object, claims: object, key: string = secret): string {
  const text = `${encode({ alg: 'HS256', ...head })}.${encode(claims)}`
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}

/** One answer in all, with no header and no line that was planted. */
function expectUnforged(raw: string, what: string): void {
  expect(raw.match(/^HTTP\/1\.1 /gm)?.length ?? 1, what).toBe(1)
  expect(raw, what).not.toMatch(/[\r\n](?:X-Forged|data: forged|event: forged)/i)
  const [head = ''] = raw.split('\r\n\r\n')
  expect(head, what).not.toMatch(/\r(?!\n)|(?<!\r)\n|[\u0085\u2028]|\p{Cc}(?<![\r\n])/u)
}

async function sendLines(hub: TestHub, lines: readonly string[], body = ''): Promise<string> {
  const length = `Content-Length: ${Buffer.byteLength(body)}`
  const text = [...lines, 'Connection: close', length].join('\r\n')
  const client = sendRaw(hub.port, `${text}\r\n\r\n${body}`)
  onTestFinished(() => void client.socket.destroy())
  await waitUntil('the answer', () => client.isClosed || client.text.includes('tidemark.ready'))
  return client.text
}

test('a line break in a URL begins no header, no answer and no line for the operator', async () => {
  const hub = await startTestHub(flags)
  const token = await grantToken({ subscribe: ['**'], publish: ['**'], permissions: ['admin'] })
  const signed = `Authorization: Bearer ${token}`
  for (const lineEnd of breaks) {
    const evil = planted(lineEnd)
    const asked = [
      ['GET', `/${evil}`],
      ['GET', `/events?topic=${evil}`],
      ['GET', `/events?topic=a&event=${evil}`],
      ['GET', `/events?topic=a&since=${evil}`],
      ['GET', `/events?topic=a&lastEventId=${evil}`],
      ['GET', `/events?topic=a&fields=${evil}`],
      ['GET', `/events?topic=a&framing=${evil}`],
      ['GET', `/events?topic=a&${evil}=1`],
      ['GET', `/events?topic=a&token=${evil}`],
      ['GET', `/events?topic=a&ticket=${evil}`],
      ['GET', `/topics/${evil}`],
      ['GET', `/topics/a?after=${evil}`],
      ['POST', `/topics/${evil}`],
      ['POST', `/topics/a?type=${evil}`],
      ['POST', `/topics/a?key=${evil}`],
      ['GET', `/tickets/redirect?topic=${evil}`],
      ['GET', `/tickets/redirect?topic=a&${evil}`],
      ['PATCH', `/sessions/${evil}`],
      ['POST', `/sessions/x?type=${evil}`],
      ['DELETE', `/sessions/x?reason=${evil}`],
      ['GET', `/admin/explain?subscribe=${evil}`],
      ['DELETE', `/admin/addresses?address=${evil}`],
      ['GET', `/.well-known/oauth-protected-resource/${evil}`],
    ] as const
    for (const [method, path] of asked) {
      for (const credential of [signed, 'X-None: 1']) {
        const lines = [`${method} ${path} HTTP/1.1`, `Host: localhost`, credential]
        expectUnforged(
          await sendLines(hub, lines, method === 'GET' ? '' : 'x'),
          `${method} ${path}`,
        )
      }
    }
  }
  expectLines(hub)
})

/** No line for the operator holds another one. */
function expectLines({ lines }: TestHub): void {
  for (const line of lines) expect(line).not.toMatch(/X-Forged|[\u2028]|\p{Cc}/u)
}

test('a raw line break in any field of a head begins no header and no line', async () => {
  const hub = await startTestHub(flags)
  const fields = [
    'Host',
    'Origin',
    'Authorization',
    'Cookie',
    'Last-Event-ID',
    'Idempotency-Key',
    'Content-Type',
    'Expect',
    'User-Agent',
    'Accept',
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'Forwarded',
    'Access-Control-Request-Method',
    'Sec-Fetch-Site',
    'X-Explain-Token',
  ]
  for (const lineEnd of ['\r', '\n', '\0', '\u0085', '\u2028', '\r\n ', '\n\t']) {
    for (const field of fields) {
      const lines = [
        'POST /topics/a HTTP/1.1',
        ...(field === 'Host' ? [] : ['Host: localhost']),
        `${field}: localhost${lineEnd}X-Forged: 1`,
      ]
      expectUnforged(await sendLines(hub, lines, 'x'), `${field} ${JSON.stringify(lineEnd)}`)
    }
  }
  expectLines(hub)
})

test('a line break in the head or the claims of a token begins no header, whoever has signed it', async () => {
  const hub = await startTestHub(flags)
  const exp = Math.floor(new Date().getTime() / 1_000) + 600
  for (const lineEnd of ['\r\n', '\n', '\r', '\u2028', '"\r\n']) {
    const evil = planted(lineEnd)
    const tokens = [
      forge({ kid: evil }, { sub: 'ada', exp }, 'somebody else’s secret of 32 bytes or more'),
      forge({ alg: evil }, { sub: 'ada', exp }),
      forge({ typ: evil }, { sub: 'ada', exp }),
      forge({ [evil]: 1, crit: [evil] }, { sub: 'ada', exp }),
      forge({}, { iss: evil, sub: 'ada', exp }),
      forge({}, { aud: evil, sub: evil, exp: evil }),
      forge({}, { sub: 'ada', exp, tidemark: { [evil]: [evil] } }),
      forge({}, { sub: 'ada', exp, tidemark: { subscribe: [evil], permissions: [evil] } }),
      forge({}, { sub: evil, exp }),
    ]
    for (const token of tokens) {
      const lines = ['GET /topics/a HTTP/1.1', 'Host: localhost', `Authorization: Bearer ${token}`]
      expectUnforged(await sendLines(hub, lines), token)
    }
  }
  expectLines(hub)
})

test('a line break in what is published begins no event and no field', async () => {
  const hub = await startTestHub(flags)
  const headers = {
    Authorization: `Bearer ${await grantToken({ subscribe: ['**'], publish: ['**'] })}`,
  }
  const stream = await streamHttp(hub.port, '/events?topics=a,b&fields=topic,key,time', headers)
  const data = 'one\r\nevent: forged\rid: forged\n\ndata: forged\u2028two'
  const events = [
    { topic: 'a', data },
    { topic: 'a', data: 'x', type: 'a\nevent: forged' },
    { topic: 'a', data: 'x', key: 'a\r\rdata: forged' },
    { topic: 'a\n\ndata: forged', data: 'x' },
  ]
  const statuses: number[] = []
  for (const event of events) {
    const body = JSON.stringify(event)
    statuses.push(
      (await askHttp(hub.port, { method: 'POST', path: '/publish', headers, body })).status,
    )
  }
  expect(statuses).toEqual([200, 400, 400, 400])
  await askHttp(hub.port, { method: 'POST', path: '/topics/b', headers, body: 'the end' })
  await waitUntil('the end', () => stream.events.some(({ data: text }) => text === 'the end'))
  const got = stream.events.filter(({ type }) => !type.startsWith('tidemark.'))
  expect(got.map(({ data: text }) => text)).toEqual([data.replaceAll(/\r\n?/g, '\n'), 'the end'])
  stream.ended.catch(() => undefined)
  stream.leave()
})

test('a line break in a path of HTTP/2 begins no header', async () => {
  const certificate = await makeCertificate()
  onTestFinished(() => certificate.remove())
  const hub = await startTestHub({ ...flags, ...certificate.flags })
  for (const lineEnd of breaks) {
    const session = connectHttp2(hub.port)
    for (const path of ['/events?topic=', '/tickets/redirect?topic=', '/topics/', '/']) {
      const answer = await requestHttp2(session, { ':path': path + planted(lineEnd) })
      expect(Object.keys(answer.headers)).not.toContain('x-forged')
      expect(JSON.stringify(answer.headers)).not.toMatch(/forged/i)
    }
    session.close()
  }
  expectLines(hub)
})

test('a line break in the words of an operator begins no header', async () => {
  const hub = await startTestHub(flags)
  const headers = { Authorization: `Bearer ${await grantToken({ permissions: ['admin'] })}` }
  const reason = 'x\r\nX-Forged: 1\r\n\r\ndata: forged'
  const body = JSON.stringify({ address: '203.0.113.9', reason })
  await askHttp(hub.port, { method: 'POST', path: '/admin/addresses', headers, body })
  const denied = await exchange(hub.port, [
    'GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n',
  ])
  expectUnforged(`${denied.headers}\r\n\r\n${denied.body}`, 'the denied client')
  expectLines(hub)
})
