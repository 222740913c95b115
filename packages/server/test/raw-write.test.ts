// Writes past Node's stream layer: nothing lost, doubled or overtaken when the system takes only a part; and
// none where Node differs.

import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import { connect, createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { memoryLog } from '@tidemark/log'
import { expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import { StreamConnection } from '../src/node/stream-connection.ts'
import { canWriteRaw, learnRequests, writeRaw } from '../src/node/raw-write.ts'
import { get, sendRaw } from './support/node-server.ts'

async function start() {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  const server = createServer((request, response) => void tide.subscribe(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    await tide.close()
    server.closeAllConnections()
    server.close()
  })
  return { tide, port: (server.address() as AddressInfo).port }
}

/** Has a stream written to, so that requests are known. */
async function learn(): Promise<void> {
  const { tide, port } = await start()
  const client = sendRaw(port, get('/?topic=a'))
  await client.until('tidemark.ready')
  for (const data of ['one', 'two']) await tide.publish('a', { data })
  await client.until('data: two')
}

const numbersOf = (text: string): number[] =>
  [...text.matchAll(/data: (\d+) /g)].map((match) => Number(match[1]))

test('a client that stops and goes on reading, again and again, gets every byte in order', async () => {
  const { tide, port } = await start()
  const client = sendRaw(port, get('/?topic=a'))
  await client.until('tidemark.ready')
  const count = 300
  for (let i = 0; i < count; i++) {
    if (i % 50 === 10) client.socket.pause()
    if (i % 50 === 40) client.socket.resume()
    await tide.publish('a', { data: `${i} ${'x'.repeat((i * 7_919) % 90_000)}` })
  }
  client.socket.resume()
  await client.until(`data: ${count - 1} `)
  expect(numbersOf(client.text)).toEqual(Array.from({ length: count }, (_, i) => i))
})

test('a goodbye behind bytes that the system has not taken is the last thing a client reads', async () => {
  const { tide, port } = await start()
  const client = sendRaw(port, get('/?topic=a'))
  await client.until('tidemark.ready')
  client.socket.pause()
  for (let i = 0; i < 200; i++) await tide.publish('a', { data: `${i} ${'x'.repeat(60_000)}` })
  const drained = tide.drain()
  client.socket.resume()
  await once(client.socket, 'close')
  await drained
  expect(client.text).toMatch(/event: tidemark\.bye[^]*\r\n0\r\n\r\n$/)
  const numbers = numbersOf(client.text)
  expect(numbers).toEqual(numbers.map((_, i) => i))
})

test('a client that resets while bytes are on their way leaves nothing behind', async () => {
  const { tide, port } = await start()
  const client = sendRaw(port, get('/?topic=a'))
  await client.until('tidemark.ready')
  client.socket.pause()
  for (let i = 0; i < 100; i++) await tide.publish('a', { data: 'x'.repeat(100_000) })
  client.socket.resetAndDestroy()
  await expect.poll(() => tide.sessionCount).toBe(0)
})

/** Later versions of Node have no requests to learn of. */
const isLearning = Number(process.versions.node.split('.')[0]) < 26

const other = sendRequests()

/** A handle that shows what it is given. */
function sendRequests() {
  const requests: (object | null)[] = []
  return {
    requests,
    writeQueueSize: 0,
    writeBuffer(request: object | null) {
      requests.push(request)
      // It belongs to this write now.
      if (this.writeQueueSize > 0) Object.assign(request ?? {}, { getAsyncId: () => 7 })
      return 0
    },
  }
}

test('where Node’s handle is not as expected, nothing is written past the stream layer', () => {
  expect(canWriteRaw(undefined)).toBe(false)
  expect(canWriteRaw({ writeBuffer: () => 0 })).toBe(false)
  expect(canWriteRaw({ writeQueueSize: 0 })).toBe(false)
  expect(canWriteRaw(other)).toBe(true)
})

test('a Node that makes no request for a write teaches nothing, and writes', () => {
  const handle = sendRequests()
  learnRequests(handle)
  expect(handle.writeBuffer(null)).toBe(0)
  expect(handle.requests).toEqual([null])
})

test.runIf(isLearning)(
  'a request that is still under way is not used for another write',
  async () => {
    await learn()
    const handle = sendRequests()
    const done: number[] = []
    const write = (): number | undefined =>
      writeRaw(handle, new Uint8Array(1), { hearSent: (status) => done.push(status) })
    expect([write(), write()]).toEqual([0, 0])
    expect(handle.requests.at(-1)).toBe(handle.requests.at(-2))
    handle.writeQueueSize = 10
    expect(write()).toBe(10)
    const underWay = handle.requests.at(-1) as { oncomplete: (status: number) => void }
    handle.writeQueueSize = 0
    expect(write()).toBe(0)
    expect(handle.requests.at(-1)).not.toBe(underWay)
    underWay.oncomplete(0)
    expect(done).toEqual([0])
  },
)

test.runIf(isLearning)(
  'a write that completes later though nothing of it waits is not followed by one that ends the process',
  async () => {
    await learn()
    const reader = createTcpServer().listen(0, '127.0.0.1')
    await once(reader, 'listening')
    onTestFinished(() => void reader.close())
    const socket = connect((reader.address() as AddressInfo).port, '127.0.0.1')
    const [peer] = (await once(reader, 'connection')) as [Socket]
    onTestFinished(() => void socket.destroy())
    peer.pause()
    const { _handle: real } = socket as Socket & { readonly _handle: unknown }
    if (!canWriteRaw(real)) throw new Error('The handle of a socket cannot be written to.')
    // As where the reader has taken the rest between the system’s two looks: the request is in use, and the
    // queue is empty.
    const handle = {
      writeQueueSize: 0,
      writeBuffer: (...given: Parameters<typeof real.writeBuffer>) => real.writeBuffer(...given),
    }
    const done: number[] = []
    const writer = { hearSent: (status: number) => done.push(status) }
    expect(writeRaw(handle, new Uint8Array(32 * 1024 * 1024), writer)).toBe(1)
    expect(writeRaw(handle, new Uint8Array(1), writer)).toBe(1)
    peer.resume()
    await expect.poll(() => done).toEqual([0, 0])
  },
)

test.runIf(isLearning)(
  'a session whose socket has taken all but a little of a large event counts as holding all of it, until the rest has left',
  async () => {
    await learn()
    const handle = sendRequests()
    const socket = Object.assign(new EventEmitter(), {
      writable: true,
      writableLength: 0,
      writableNeedDrain: false,
      timeout: 0,
      _handle: handle,
    })
    const connection = new StreamConnection(socket as unknown as Socket)
    let drains = 0
    connection.listen({ drained: () => (drains += 1), closed: () => undefined })
    handle.writeQueueSize = 30_000
    // Of what is small little is held, however much of it is left.
    expect(connection.send(new Uint8Array(40_000))).toBe(true)
    const small = handle.requests.at(-1) as { oncomplete: (status: number) => void }
    small.oncomplete(0)
    expect(drains).toBe(0)
    expect(connection.send(new Uint8Array(1_000_000))).toBe(false)
    const large = handle.requests.at(-1) as { oncomplete: (status: number) => void }
    handle.writeQueueSize = 0
    large.oncomplete(0)
    expect(drains).toBe(1)
    expect(connection.send(new Uint8Array(1_000_000))).toBe(true)
  },
)
