// Query parameters of the application around a stream: a token, a cache breaker, whatever its middleware
// reads.

import { memoryLog } from '@tidemark/log'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Tidemark } from '../src/index.ts'
import type { QueryOptions } from '../src/hub/index.ts'
import { serve } from './support/node-server.ts'

interface Told {
  readonly status: number
  readonly text: string
}

type Ask = (query: string, options?: QueryOptions) => Promise<Told>

function start(): Tidemark {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  onTestFinished(() => tide.close())
  return tide
}

async function readStart(response: Response): Promise<Told> {
  const reader = response.body?.getReader()
  const chunk = await reader?.read()
  await reader?.cancel()
  return { status: response.status, text: new TextDecoder().decode(chunk?.value) }
}

const byFetch: Ask = async (query, options) =>
  readStart(await start().fetch(new Request(`http://localhost/events?${query}`), options))

const byNode: Ask = async (query, options) => {
  const tide = start()
  const server = await serve((request, response) => void tide.subscribe(request, response, options))
  onTestFinished(() => server.close())
  return readStart(await fetch(`http://127.0.0.1:${server.port}/events?${query}`))
}

describe.each([
  ['tide.subscribe', byNode],
  ['tide.fetch', byFetch],
])('%s', (_name, ask) => {
  test.each([
    'topic=a&token=secret',
    '_=1&topic=a',
    'topic=a&token=1&token=2',
    'topic=a&q=%FF',
    'topic=a&%FF=1',
    'topic=a&100%',
    'topic=a&=x&&toString=1&__proto__=2',
    '%74opic=a&token=1',
  ])('opens a stream, because what it does not know is the application’s: ?%s', async (query) => {
    const { status, text } = await ask(query)
    expect(status).toBe(200)
    expect(text).toContain('event: tidemark.ready')
  })

  test.each([
    ['topic=a&since=teatime&token=1', 'QUERY_INVALID'],
    ['topic=%FF', 'QUERY_INVALID'],
    ['topic=a&since=now&since=5m', 'QUERY_INVALID'],
    ['token=1', 'TOPIC_SET_INVALID'],
  ])('still refuses what is its own and wrong: ?%s', async (query, code) => {
    const { status, text } = await ask(query)
    expect(status).toBe(400)
    expect(JSON.parse(text)).toMatchObject({ code })
  })

  test.each(['topic=a&tokn=1', 'topic=a&q=%FF', 'topic=a&token=%FF'])(
    'refuses unknown parameters where it is told to: ?%s',
    async (query) => {
      const { status, text } = await ask(query, { unknownParameters: 'refuse' })
      expect(status).toBe(400)
      expect(JSON.parse(text)).toMatchObject({ code: 'QUERY_INVALID' })
    },
  )

  test.each(['topic=a&token=1', 'topic=a&ticket=1', 'topic=a&%74oken=1'])(
    'leaves a credential to `authorize` also where unknown parameters are refused: ?%s',
    async (query) => {
      const { status, text } = await ask(query, { unknownParameters: 'refuse' })
      expect(status).toBe(200)
      expect(text).toContain('event: tidemark.ready')
    },
  )

  test('shows no credential in what it says of a query that is none', async () => {
    const query = 'topic=%FF&token=hunter2&TICKET=hunter2&%74oken=hunter2'
    const { status, text } = await ask(query, { unknownParameters: 'refuse' })
    expect(status).toBe(400)
    expect(text).toContain('token=…')
    expect(text).not.toContain('hunter2')
  })

  test('says so when it is told something else', async () => {
    const options = { unknownParameters: 'reject' } as unknown as QueryOptions
    const { status, text } = await ask('topic=a', options)
    expect(status).toBe(500)
    expect(JSON.parse(text)).toMatchObject({ code: 'OPTION_INVALID' })
  })
})
