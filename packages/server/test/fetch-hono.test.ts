// The Fetch API's door behind a real framework on a real socket: Hono on Node.

import { once } from 'node:events'
import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import type { HttpBindings } from '@hono/node-server'
import { memoryLog } from '@tidemark/log'
import { createDecoder } from '@tidemark/wire'
import { Hono } from 'hono'
import { expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Tidemark } from '../src/index.ts'
import { writeBytesMax } from '../src/limits.ts'
import { get, sendRaw } from './support/node-server.ts'

interface Started {
  readonly tide: Tidemark
  readonly port: number
  /** Bytes that Node holds for the answers that are open. */
  readonly heldBytes: () => number
}

async function start(): Promise<Started> {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  const app = new Hono<{ Bindings: HttpBindings }>()
  const answers: ServerResponse[] = []
  app.on(['GET', 'POST'], '/events', (context) => {
    answers.push(context.env.outgoing)
    return tide.fetch(context.req.raw)
  })
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server
  if (!server.listening) await once(server, 'listening')
  onTestFinished(async () => {
    await tide.close()
    server.closeAllConnections()
    server.close()
  })
  return {
    tide,
    port: (server.address() as AddressInfo).port,
    heldBytes: () => answers.reduce((sum, answer) => sum + answer.writableLength, 0),
  }
}

/** The data of published events in the answer to an HTTP/1.0 request, which comes without chunks. */
function readData(text: string): string[] {
  const data: string[] = []
  const decoder = createDecoder({
    event: (event) => void (event.type.startsWith('tidemark.') || data.push(event.data)),
  })
  decoder.push(new TextEncoder().encode(text.slice(text.indexOf('\r\n\r\n') + 4)))
  return data
}

const plainGet = (path: string, headers = ''): string =>
  get(path, headers).replace('HTTP/1.1', 'HTTP/1.0')

test('a subscriber gets its events, and is forgotten when it leaves', async () => {
  const { tide, port } = await start()
  const client = sendRaw(port, get('/events?topic=a'))
  await client.until('tidemark.ready')
  expect(client.text).toMatch(/^HTTP\/1\.1 200 /)
  expect(client.text.toLowerCase()).toContain('x-accel-buffering: no\r\n')
  await tide.publish('a', { data: 'one' })
  await client.until('data: one\n\n')
  expect(tide.sessionCount).toBe(1)
  client.socket.destroy()
  await expect.poll(() => tide.sessionCount).toBe(0)
})

test('HEAD opens no session', async () => {
  const { tide, port } = await start()
  const client = sendRaw(
    port,
    get('/events?topic=a', 'Connection: close\r\n').replace('GET', 'HEAD'),
  )
  await once(client.socket, 'close')
  expect(client.text).toMatch(/^HTTP\/1\.1 200 /)
  expect(tide.sessionCount).toBe(0)
})

test('a long list of topics comes in the body', async () => {
  const { tide, port } = await start()
  const body = JSON.stringify({ topics: Array.from({ length: 1_000 }, (_, i) => `topic/${i}`) })
  const response = await fetch(`http://127.0.0.1:${port}/events`, { method: 'POST', body })
  expect(response.status).toBe(200)
  const { sessions } = await tide.publish('topic/999', { data: 'x' })
  expect(sessions).toBe(1)
  await response.body?.cancel()
  await expect.poll(() => tide.sessionCount).toBe(0)
})

test('a socket that does not read keeps what is held small and gets everything once it reads', async () => {
  const { tide, port, heldBytes } = await start()
  const client = sendRaw(port, plainGet('/events?topic=a'))
  await client.until('tidemark.ready')
  client.socket.pause()
  const sent = Array.from({ length: 240 }, (_, i) => `${i} ${'z'.repeat(64 * 1024)}`)
  for (const data of sent) await tide.publish('a', { data })
  // Of 15 MiB the kernel took some; Node holds a chunk at most, the session the limit and the block that
  // passed it.
  expect(heldBytes()).toBeLessThan(3 * writeBytesMax)
  client.socket.resume()
  await client.until('239 z')
  await tide.publish('a', { data: 'end' })
  await client.until('data: end\n')
  expect(readData(client.text)).toEqual([...sent, 'end'])
  client.socket.destroy()
})

test('a socket cut in the middle of a burst resumes exactly', async () => {
  const { tide, port } = await start()
  const first = sendRaw(port, plainGet('/events?topic=a'))
  await first.until('tidemark.ready')
  const sent = Array.from({ length: 400 }, (_, i) => `${i} ${'z'.repeat(5_000)}`)
  const publishing = sent.map((data) => tide.publish('a', { data }))
  await first.until('data: 60 ')
  first.socket.destroy()
  await Promise.all(publishing)
  const whole = first.text.slice(0, first.text.lastIndexOf('\n\n') + 2)
  const cursor = /^id: (\S+)$/m.exec(whole.slice(whole.lastIndexOf('id: ')))?.[1] ?? ''
  const second = sendRaw(port, plainGet('/events?topic=a', `Last-Event-ID: ${cursor}\r\n`))
  await second.until('data: 399 ')
  await second.until('z\n\n')
  expect([...readData(whole), ...readData(second.text)].slice(0, -1)).toEqual(sent.slice(0, -1))
  second.socket.destroy()
})
