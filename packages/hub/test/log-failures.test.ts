// A log that fails in every way it can, at every route: one translation, so that clients come back from
// what passes.

import { LogError, logErrors, memoryLog } from '@tidemark/log'
import type { EventLog, LogErrorCode } from '@tidemark/log'
import { describe, expect, test } from 'vitest'
import { exchange } from './support/raw.ts'
import type { Answer } from './support/raw.ts'
import { startTestServer } from './support/test-server.ts'

type Method = 'append' | 'read' | 'locate' | 'bounds'

/** A log that works until `failWith` is called. */
class FailingLog implements EventLog {
  readonly #log = memoryLog()
  #error: unknown

  get retention(): EventLog['retention'] {
    return this.#log.retention
  }

  failWith(error: unknown): void {
    this.#error = error
  }

  readonly append: EventLog['append'] = (batch) => this.#try('append', [batch])
  readonly read: EventLog['read'] = (query) => this.#try('read', [query])
  readonly locate: EventLog['locate'] = (query) => this.#try('locate', [query])
  readonly bounds: EventLog['bounds'] = () => this.#try('bounds', [])
  readonly tail: EventLog['tail'] = (after, handler) => this.#log.tail(after, handler)
  readonly ruleFor: EventLog['ruleFor'] = (topic) => this.#log.ruleFor(topic)
  readonly close: EventLog['close'] = () => this.#log.close()

  async #try<Name extends Method>(
    name: Name,
    values: Parameters<EventLog[Name]>,
  ): Promise<Awaited<ReturnType<EventLog[Name]>>> {
    if (this.#error !== undefined) throw this.#error
    const call = this.#log[name] as (...given: typeof values) => ReturnType<EventLog[Name]>
    return await call.apply(this.#log, values)
  }
}

const host = 'Host: localhost\r\nConnection: close\r\n'
const post = (path: string, body: string): string =>
  `POST ${path} HTTP/1.1\r\n${host}Content-Length: ${body.length}\r\n\r\n${body}`

const routes = {
  subscribe: `GET /events?topic=a&since=earliest HTTP/1.1\r\n${host}\r\n`,
  'subscribe by body': post('/events', '{"topics":["a"],"since":"earliest"}'),
  publish: post('/topics/a', 'x'),
  'publish a batch': post('/publish', '[{"topic":"a","data":1},{"topic":"b","data":2}]'),
  history: `GET /topics/a HTTP/1.1\r\n${host}\r\n`,
  'history after a cursor': `GET /topics/a?after=1abcdefghijklmno0000-1 HTTP/1.1\r\n${host}\r\n`,
}

/** All that a log may say, whatever it says it to. */
const expected: Readonly<Record<string, readonly [status: number, code: string]>> = {
  ...Object.fromEntries(Object.keys(logErrors).map((code) => [code, [503, 'LOG_UNAVAILABLE']])),
  LOG_DIRECTORY_LOST: [503, 'LOG_DIRECTORY_LOST'],
  LOG_SUPERSEDED: [503, 'LOG_SUPERSEDED'],
  TOPIC_INVALID: [400, 'TOPIC_INVALID'],
  TOPIC_SET_INVALID: [400, 'TOPIC_SET_INVALID'],
  BATCH_INVALID: [400, 'BATCH_INVALID'],
  HEAD_MOVED: [412, 'HEAD_MOVED'],
  IDEMPOTENCY_KEY_INVALID: [400, 'IDEMPOTENCY_KEY_INVALID'],
  IDEMPOTENCY_KEY_REUSED: [422, 'IDEMPOTENCY_KEY_REUSED'],
  POSITION_INVALID: [500, 'INTERNAL'],
  OPTION_INVALID: [500, 'INTERNAL'],
  RETENTION_INVALID: [500, 'INTERNAL'],
}

async function ask(error: unknown, request: string): Promise<Answer> {
  const log = new FailingLog()
  const port = await startTestServer({ log })
  await exchange(port, [routes.publish])
  log.failWith(error)
  return exchange(port, [request])
}

function expectProblem({ status, headers, body }: Answer, wanted: readonly [number, string]): void {
  const { code, detail } = JSON.parse(body) as { code: string; detail: string }
  expect([status, code]).toEqual(wanted)
  expect(/\r\nRetry-After: \d+/.test(headers)).toBe(status === 503)
  expect(detail).not.toBe('')
}

describe.each(Object.entries(routes))('%s', (_name, request) => {
  test.each(Object.entries(expected))('from a log that says %s', async (code, wanted) => {
    const error = new LogError(code as LogErrorCode, 'The log said so.')
    expectProblem(await ask(error, request), wanted)
  })

  test('from a log that breaks its contract says no more than that the server has a fault', async () => {
    const answer = await ask(new TypeError('secret of the driver'), request)
    expectProblem(answer, [500, 'INTERNAL'])
    expect(answer.body).not.toContain('secret')
  })

  test('from a log that is closed passes', async () => {
    const closed = memoryLog()
    await closed.close()
    const error: unknown = await closed.bounds().catch((reason: unknown) => reason)
    expectProblem(await ask(error, request), [503, 'LOG_UNAVAILABLE'])
  })
})

test.each(Object.keys(logErrors))('readiness says no when the log says %s', async (code) => {
  const error = new LogError(code as LogErrorCode, 'The log said so.')
  const answer = await ask(error, `GET /readyz HTTP/1.1\r\n${host}\r\n`)
  // An operator is to see at once that the directory is gone, or that another process has it.
  const isLasting = code === 'LOG_DIRECTORY_LOST' || code === 'LOG_SUPERSEDED'
  expectProblem(answer, [503, isLasting ? code : 'NOT_READY'])
})

test('readiness keeps the text of an error without a code to the hub itself', async () => {
  const answer = await ask(
    new TypeError('secret of the driver'),
    `GET /readyz HTTP/1.1\r\n${host}\r\n`,
  )
  expectProblem(answer, [503, 'NOT_READY'])
  expect(answer.body).not.toContain('secret')
})

describe('a client that accepts event streams only', () => {
  const onlyStreams = (request: string): string =>
    request.replace('\r\n', '\r\nAccept: text/event-stream\r\n')
  const unavailable = new LogError('LOG_UNAVAILABLE', 'The disk is full.')

  test.each(['subscribe', 'subscribe by body'] as const)(
    '%s: is sent away so that it comes back',
    async (name) => {
      const answer = await ask(unavailable, onlyStreams(routes[name]))
      expect(answer).toMatchObject({ status: 200 })
      expect(answer.body).toMatch(/event: tidemark\.bye\nretry: \d+\ndata: .*log-unavailable/)
    },
  )

  test.each(['publish', 'publish a batch', 'history'] as const)(
    '%s: is not told 200, which it would take for stored',
    async (name) => {
      expectProblem(await ask(unavailable, onlyStreams(routes[name])), [503, 'LOG_UNAVAILABLE'])
    },
  )

  test.each(['LOG_DIRECTORY_LOST', 'LOG_SUPERSEDED'] as const)(
    'is sent away from a log that says %s so that it comes back',
    async (code) => {
      const error = new LogError(code, 'The log said so.')
      const answer = await ask(error, onlyStreams(routes.subscribe))
      expect(answer).toMatchObject({ status: 200 })
      expect(answer.body).toMatch(/event: tidemark\.bye\nretry: \d+\ndata: .*log-unavailable/)
    },
  )

  test('is sent away in the middle of its replay, too', async () => {
    const log = new FailingLog()
    const port = await startTestServer({ log })
    const read = log.read
    // Opened, and then the log fails.
    Object.assign(log, { read: () => Promise.reject(unavailable) })
    const first = `GET /events?topic=a HTTP/1.1\r\n${host}Last-Event-ID: 1abcdefghijklmno0000-1\r\n\r\n`
    const answer = await exchange(port, [onlyStreams(first)])
    Object.assign(log, { read })
    expect(answer).toMatchObject({ status: 200 })
    expect(answer.body).toContain('log-unavailable')
  })
})
