// The lines that each framework needs, run in the real frameworks. The code in the README is that of
// `frameworks/`. Only the route handler of Next.js is called by a server of Hono's, which hands it the
// `Request` that Next.js would.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { request as requestTls } from 'node:https'
import { connect } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Tidemark } from '../src/index.ts'

interface Example {
  readonly tide: Tidemark
  readonly server: Server
}

const names = ['http', 'http2', 'express', 'koa', 'fastify', 'hono', 'next'] as const

type Name = (typeof names)[number]

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

async function load(name: Name): Promise<Example & { readonly port: number }> {
  const example = (await import(`./frameworks/${name}.ts`)) as Example
  if (!example.server.listening) await once(example.server, 'listening')
  return { ...example, port: (example.server.address() as AddressInfo).port }
}

interface Asked {
  readonly method?: string
  readonly query?: string
  readonly body?: string
}

interface Got {
  readonly status: number | undefined
  readonly app: unknown
  readonly text: () => string
}

async function ask(name: Name, { method = 'GET', query = '', body }: Asked): Promise<Got> {
  const { port } = await load(name)
  const send = name === 'http2' ? requestTls : request
  const headers = body === undefined ? {} : { 'Content-Type': 'application/json' }
  const path = `/events${query}`
  const asked = send({ port, path, method, headers, rejectUnauthorized: false }).end(body)
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  answer.on('error', () => undefined)
  onTestFinished(() => void answer.destroy())
  let text = ''
  answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  return { status: answer.statusCode, app: answer.headers['x-app'], text: () => text }
}

describe.each(names)('%s', (name) => {
  test('is set up as the README says', () => {
    const file = readFileSync(new URL(`frameworks/${name}.ts`, import.meta.url), 'utf8')
    const code = /\/\/ #region readme\n([^]*?)\/\/ #endregion/.exec(file)?.[1]
    expect(readme).toContain(code)
  })

  test.each<Asked>([
    { method: 'GET', query: '?topic=a' },
    { method: 'POST', body: '{"topics":["a"]}' },
  ])('opens a stream that goes on until the client leaves ($method)', async (asked) => {
    const { tide } = await load(name)
    const got = await ask(name, asked)
    expect(got.status).toBe(200)
    // Next.js has no response to set headers on before.
    if (name !== 'next') expect(got.app).toBe(name)
    await expect.poll(got.text).toContain('event: tidemark.ready\n')
    for (const data of ['one', 'two', 'three']) {
      await tide.publish('a', { data })
      await expect.poll(got.text).toContain(`data: ${data}\n\n`)
    }
    expect(got.text()).not.toMatch(/^OK/m)
  })

  test('refuses what is no request for a stream', async () => {
    const got = await ask(name, { query: '?topic=a/../b' })
    expect(got.status).toBe(400)
    await expect.poll(got.text).toContain('"code":"TOPIC_INVALID"')
  })
})

test('HTTP/2 opens streams on one connection', async () => {
  const { tide, port } = await load('http2')
  const session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
  onTestFinished(() => session.destroy())
  const before = tide.sessionCount
  const streams = ['a', 'b'].map((topic) => session.request({ ':path': `/?topic=${topic}` }))
  for (const stream of streams) {
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
    expect(headers[':status']).toBe(200)
    expect(headers['x-app']).toBe('http2')
  }
  await expect.poll(() => tide.sessionCount).toBe(before + 2)
})
