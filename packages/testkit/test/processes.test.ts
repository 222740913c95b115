// The figures that tests and benchmarks read of processes must be those of real processes.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import {
  isRunning,
  listChildren,
  readAnonymousBytes,
  readCpu,
  readMemory,
} from '../src/proc/processes.ts'
import { countConnections, readSocketQueues } from '../src/proc/tcp-table.ts'

test('a process that has a child and a grandchild is measured with both, under any name', async () => {
  // The grandchild names itself like what follows a name in /proc, holds 64 MiB and computes for a while.
  const grandchild = `process.title = ') R 1 (';
    const held = Buffer.alloc(64 * 1024 * 1024, 1);
    while (process.cpuUsage().user < 100_000);
    console.log(process.pid);
    process.stdin.resume().on('end', () => process.exit(held[0] - 1))`
  const child = spawn(
    process.execPath,
    [
      '-e',
      `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(grandchild)}], { stdio: 'inherit' })`,
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const closed = once(child, 'close')
  const pid = child.pid ?? 0
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const grandchildPid = Number(line.toString())
  expect(listChildren(process.pid)).toContain(pid)
  expect(listChildren(pid)).toEqual([grandchildPid])
  expect([pid, grandchildPid].map(isRunning)).toEqual([true, true])
  const { userMs, systemMs } = readCpu([pid])
  expect(userMs + systemMs).toBeGreaterThanOrEqual(100)
  const memory = readMemory([pid])
  expect(memory.anonymousBytes).toBeGreaterThan(64 * 1024 * 1024)
  expect(memory.totalBytes).toBeGreaterThanOrEqual(memory.anonymousBytes + memory.fileBytes)
  expect(readAnonymousBytes(pid)).toBeGreaterThan(64 * 1024 * 1024)
  child.stdin.end()
  await closed
  expect([pid, grandchildPid].map(isRunning)).toEqual([false, false])
  expect(listChildren(pid)).toEqual([])
  expect(readMemory([pid]).totalBytes).toBe(0)
})

test('connections and the bytes that wait in them are found by the port of the server', async () => {
  const server = createServer((socket) => socket.pause()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect(port, '127.0.0.1').pause()
  const [accepted] = (await once(server, 'connection')) as [ReturnType<typeof connect>]
  expect(countConnections(process.pid, port)).toBe(1)
  expect(readSocketQueues(port)).toBe(0)
  // Until the kernel takes no more.
  while (accepted.write(Buffer.alloc(64 * 1024)));
  await expect.poll(() => readSocketQueues(port)).toBeGreaterThanOrEqual(64 * 1024)
  client.destroy()
  accepted.destroy()
  server.close()
  await once(server, 'close')
  expect(countConnections(process.pid, port)).toBe(0)
})
