// Clients that are refused, or that come and go, leave nothing behind.

import { connect } from 'node:net'
import type { Authorize } from '@tidemark/server'
import { collectGarbage, waitUntil } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { startTestServer } from './support/test-server.ts'

/** `TIDEMARK_CYCLES=100000` takes a minute. */
const cycles = Number(process.env['TIDEMARK_CYCLES'] ?? 4_000)

const authorize: Authorize = (request) => ({ user: request.header('x-user'), subscribe: ['a'] })

/** One connection: a request, and its end as soon as something of the answer has come. */
function come(port: number, fields: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.once('data', () => socket.destroy())
    socket.once('close', () => resolve())
    socket.write(`GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`)
  })
}

async function comeOften(
  port: number,
  count: number,
  fields: (i: number) => string,
): Promise<void> {
  for (let i = 0; i < count; i += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, j) => come(port, fields(i + j))))
  }
}

test.each<[string, object, (i: number) => string]>([
  [
    'refused because their address is banned',
    { addresses: { trustProxy: ['loopback'], banAfter: 2 } },
    () => 'X-Forwarded-For: 203.0.113.9\r\n',
  ],
  [
    'refused because their rate is used up',
    { limits: { streamsPerAddress: 1 } },
    () => 'X-User: ada\r\n',
  ],
  [
    'let in, counted by user and by address, and gone again',
    { limits: { sessionsPerUser: 50, sessionsPerAddress: 10_000, maxSessionAge: '1h' } },
    (i) => `X-User: user ${i % 100}\r\n`,
  ],
])('memory is flat after thousands of connections that are %s', async (_, settings, fields) => {
  const port = await startTestServer({ authorize, settings, connectionsMax: 1_000 })
  await comeOften(port, 2_000, fields)
  const before = collectGarbage()
  await comeOften(port, cycles, fields)
  // However many there were. Entries of streams that users have closed stay in the log for a minute.
  const allowed = before + 6_000_000
  await waitUntil('memory is let go', () => collectGarbage() < allowed)
  expect(collectGarbage()).toBeLessThan(allowed)
})
