// A taken connection as the application sees it, and the memory of gzip pieces.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { memoryLog } from '@tidemark/log'
import { afterEach, expect, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import { Block } from '../src/framing/block.ts'
import { toGzipPiece } from '../src/node/gzip-piece.ts'
import { get, sendRaw } from './support/node-server.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function serve(
  handle: (
    tide: ReturnType<typeof createTidemark>,
    request: IncomingMessage,
    response: ServerResponse,
  ) => unknown,
  options: Partial<Parameters<typeof createTidemark>[0]> = {},
) {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog(), ...options })
  const server = createServer((request, response) => void handle(tide, request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    void tide.close()
    server.closeAllConnections()
    server.close()
  })
  return { tide, server, port: (server.address() as AddressInfo).port }
}

test('who awaits subscribe and then listens for the close hears it when the client leaves, not before', async () => {
  let online = 0
  let handled = false
  const { port, tide } = await serve(async (node, request, response) => {
    await node.subscribe(request, response)
    online += 1
    response.on('close', () => (online -= 1))
    handled = true
  })
  const client = sendRaw(port, get('/?topic=a'))
  await client.until('tidemark.ready')
  await expect.poll(() => handled).toBe(true)
  await tide.publish('a', { data: 'one' })
  await client.until('data: one')
  expect(online).toBe(1)
})

test('who awaits subscribe and then listens to the request hears the close when the client leaves', async () => {
  let left = 0
  const { port, tide } = await serve(async (node, request, response) => {
    await node.subscribe(request, response)
    request.on('close', () => (left += 1))
  })
  const client = sendRaw(port, get('/?topic=a'))
  await client.until('tidemark.ready')
  await tide.publish('a', { data: 'one' })
  await client.until('data: one')
  expect(left).toBe(0)
  client.socket.destroy()
  await expect.poll(() => left).toBe(1)
})

test('what another layer says of Vary stays beside ours', async () => {
  const { port } = await serve((node, request, response) => {
    response.setHeader('Vary', 'Origin')
    return node.subscribe(request, response)
  })
  const client = sendRaw(port, get('/?topic=a', 'Accept-Encoding: gzip\r\n'))
  await client.until('\r\n\r\n')
  expect(client.text).toMatch(/\r\nvary: [^\r]*origin/i)
})

test('a piece holds the bytes it has, and no buffer behind them', () => {
  const block = Block.fromText(JSON.stringify({ text: 'abc '.repeat(100) }))
  const piece = toGzipPiece(block)
  expect(piece.block.bytes.buffer.byteLength).toBeLessThan(1_024)
})
