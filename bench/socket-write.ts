// The cost of one write of a shared block to a socket, in microseconds of CPU, by the ways Node has to do it.
//
// Run: npm run bench -- socket-write
//
// 2,000 TCP connections of loopback (`--sockets=`); another process reads and drops what comes. Each
// round writes the same block of 190 bytes (a chunk with an event of 128) to all of them, once by each
// way. The process's own CPU time is taken apart into user and system. Rounds take turns through all
// ways; figures are medians over the rounds (`--rounds=`), ratios are of user time to that of
// `socket.write`.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { readFlag } from './support/flags.ts'
import { median, tableRow } from './support/statistics.ts'

const count = Number(readFlag('sockets') ?? 2_000)
const rounds = Number(readFlag('rounds') ?? 60)
const block = Buffer.from(`be\r\n${'x'.repeat(190 - 8)}\r\n`)
const text = block.toString('latin1')
const widths = [40, 12, 12, 10]

interface Handle {
  writeBuffer(request: object, bytes: Uint8Array): number
  writeLatin1String(request: object, text: string): number
}

const sockets: Socket[] = []
const server = createServer((socket) => {
  sockets.push(socket)
  socket.on('error', () => undefined)
  socket.resume()
  socket.write('data: \n\n')
}).listen(0, '127.0.0.1')
await once(server, 'listening')
const path = fileURLToPath(new URL('support/idle-clients.ts', import.meta.url))
const clients = spawn(
  process.execPath,
  [path, String((server.address() as AddressInfo).port), String(count)],
  { stdio: ['pipe', 'pipe', 'inherit'] },
)
await once(clients.stdout, 'data')

const handles = sockets.map((socket) => (socket as unknown as { _handle: Handle })._handle)
const WriteWrap = (
  process as unknown as { binding(n: string): { WriteWrap: new () => object } }
).binding('stream_wrap').WriteWrap
const shared = new WriteWrap()
const ignore = (): void => undefined

const ways: readonly (readonly [string, () => void])[] = [
  [
    'socket.write(buffer)',
    () => {
      for (const socket of sockets) socket.write(block)
    },
  ],
  [
    'socket.write(buffer, callback)',
    () => {
      for (const socket of sockets) socket.write(block, ignore)
    },
  ],
  [
    'socket.write(latin1 string)',
    () => {
      for (const socket of sockets) socket.write(text, 'latin1')
    },
  ],
  [
    'handle.writeBuffer, one request for all',
    () => {
      for (const handle of handles) handle.writeBuffer(shared, block)
    },
  ],
  [
    'handle.writeLatin1String, the same',
    () => {
      for (const handle of handles) handle.writeLatin1String(shared, text)
    },
  ],
]

const costs = ways.map(() => ({ user: [] as number[], system: [] as number[] }))
for (let round = 0; round < rounds; round++) {
  for (const [i, [, write]] of ways.entries()) {
    const before = process.cpuUsage()
    write()
    await new Promise<void>((resolve) => setImmediate(resolve))
    const { user, system } = process.cpuUsage(before)
    costs[i]?.user.push(user / count)
    costs[i]?.system.push(system / count)
    await wait(15)
  }
}
console.log(tableRow(['µs per write', 'user', 'system', 'ratio'], widths))
const reference = median(costs[0]?.user ?? [])
for (const [i, [name]] of ways.entries()) {
  const user = median(costs[i]?.user ?? [])
  const cells = [user, median(costs[i]?.system ?? []), user / reference].map((v) => v.toFixed(2))
  console.log(tableRow([name, ...cells], widths))
}
clients.kill()
server.close()
process.exit(0)
