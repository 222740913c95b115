// Rules for events that stand in gzip streams as they are: live, replayed and large ones.

import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { memoryLog, parseTopic } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { sendRaw, waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { Block } from '../src/hub/index.ts'
import { createTidemark } from '../src/index.ts'
import type { CompressionRule, Tidemark } from '../src/index.ts'
import { toGzipPiece } from '../src/node/gzip-piece.ts'

const rules: readonly CompressionRule[] = [
  { pattern: 'images/text', compress: true },
  { pattern: 'images/*', compress: false },
]
/** It compresses well, so that it is found in the bytes only if it is not compressed. */
const long = 'all work and no play '.repeat(50)

async function serve(
  compression: readonly CompressionRule[],
  log: EventLog = memoryLog(),
): Promise<[Tidemark, number]> {
  const tide = createTidemark({ log, authorize: 'everyone', rules: { compression } })
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    void tide.subscribe(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    await tide.close()
    server.closeAllConnections()
    server.close()
  })
  await tide.ready
  return [tide, (server.address() as AddressInfo).port]
}

/** A gzip stream as it is on the wire; `ready` is short, so it is never compressed. */
async function open(port: number, query: string) {
  const head = `GET /events?${query} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n`
  const client = sendRaw(port, head)
  onTestFinished(() => void client.socket.destroy())
  let bytes = 0
  client.socket.on('data', (chunk: Buffer) => (bytes += chunk.length))
  await client.until('tidemark.ready')
  return { client, count: () => bytes }
}

test('events of such topics are sent as they are, live and replayed, and others are compressed', async () => {
  const [tide, port] = await serve(rules)
  const live = await open(port, 'topic=images/a')
  await tide.publish('images/a', { data: long })
  await live.client.until(long)
  const replay = await open(port, 'topic=images/a&since=earliest')
  await replay.client.until(long)
  for (const topic of ['images/text', 'other']) {
    const stream = await open(port, `topic=${topic}`)
    const before = stream.count()
    await tide.publish(topic, { data: long })
    await waitUntil('the event is there', () => stream.count() > before)
    expect(stream.client.text).not.toContain(long)
  }
})

test('a node that reads them from the log sends them as they are, too', async () => {
  const log = memoryLog()
  await log.append({ events: [{ topic: parseTopic('images/a'), data: long }] })
  const [, port] = await serve(rules, log)
  const replay = await open(port, 'topic=images/a&since=earliest')
  await replay.client.until(long)
})

test('a change holds from its record on, on a stream that is open', async () => {
  const [tide, port] = await serve([])
  const { client, count } = await open(port, 'topic=images/a')
  const before = count()
  await tide.publish('images/a', { data: long })
  await waitUntil('the event is there', () => count() > before)
  expect(client.text).not.toContain(long)
  await tide.rules.compression.replace(rules)
  await tide.publish('images/a', { data: long })
  await client.until(long)
})

test('one such event in a write keeps the whole write as it is', () => {
  const stored = Block.fromText(long)
  stored.isStored = true
  const joined = Block.join([Block.fromText(long), stored])
  expect(joined.isStored).toBe(true)
  expect(toGzipPiece(joined).block.bytes.length).toBe(joined.bytes.length + 5)
  expect(Block.join([Block.fromText(long), Block.fromText(long)]).isStored).toBe(false)
})

test.each([1, 65_535, 65_536, 200_000])(
  '%i bytes that are stored are read as they were',
  (length) => {
    const bytes = new Uint8Array(length).map((_, i) => (i * 31) % 251)
    const block = new Block(bytes)
    block.isStored = true
    const { block: piece, crc } = toGzipPiece(block)
    const end = Buffer.alloc(8)
    end.writeUInt32LE(crc, 0)
    end.writeUInt32LE(length, 4)
    const header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]
    const last = [3, 0]
    const whole = Buffer.concat([Buffer.from(header), piece.bytes, Buffer.from(last), end])
    expect(gunzipSync(whole).equals(Buffer.from(bytes))).toBe(true)
  },
)

test.each<[rule: unknown]>([
  [{ pattern: 'a', compress: 'no' }],
  [{ pattern: 'a' }],
  [{ pattern: 'a//b', compress: false }],
])('a rule that cannot hold is refused: %j', async (rule) => {
  const [tide] = await serve(rules)
  await expect(tide.rules.compression.replace([rule as never])).rejects.toMatchObject({
    code: 'RULE_INVALID',
  })
  expect(tide.rules.compression.list).toEqual(rules)
})
