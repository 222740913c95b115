// Clients that are refused, or that come and go, leave nothing behind.

import { connect } from 'node:net'
import { createAccess } from '@tidemark/access'
import { memoryLog } from '@tidemark/log'
import type { Authorize } from '@tidemark/server'
import { collectGarbage, createFakeClock, waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { startTestServer } from './support/test-server.ts'
import type { TestServerOptions } from './support/test-server.ts'
import { secret } from './support/tokens.ts'

/** Of one round. `TIDEMARK_CYCLES=100000` takes minutes. */
const cycles = Number(process.env['TIDEMARK_CYCLES'] ?? 1_000)
/** Code is compiled in the first two, and tables grow to the size that they keep. */
const [warmUps, roundsMeasured] = [2, 3]
/** Anything that is kept of a request has more bytes. */
const bytesPerConnectionMax = 100

const authorize: Authorize = (request) => ({ user: request.header('x-user'), subscribe: ['a'] })

/** By tokens, as a hub asks. */
function byToken(): Authorize {
  const access = createAccess({ tokens: [{ secret }] })
  onTestFinished(() => access.close())
  return access.authorize
}

/** One connection: a request, and its end as soon as something of the answer has come; gives its status. */
function come(port: number, text: string, isLeft: boolean): Promise<string> {
  let status = ''
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.once('data', (bytes: Buffer) => {
      status = bytes.toString('latin1').split(' ', 2)[1] ?? ''
      socket.destroy()
    })
    socket.once('close', () => resolve(status))
    socket.write(text, () => isLeft && socket.destroy())
  })
}

async function comeOften(
  port: number,
  textOf: (i: number) => string,
  { from, isLeft }: { readonly from: number; readonly isLeft: boolean },
): Promise<ReadonlySet<string>> {
  const seen = new Set<string>()
  for (let i = from; i < from + cycles; i += 50) {
    const some = Array.from({ length: 50 }, (_, j) => come(port, textOf(i + j), isLeft))
    for (const status of await Promise.all(some)) seen.add(status)
  }
  return seen
}

const request = (fields: string): string =>
  `GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`

interface Kind {
  readonly name: string
  readonly options: () => Partial<TestServerOptions>
  readonly textOf: (i: number) => string
  /** Whether the client leaves when it has sent its bytes, since no answer comes. */
  readonly isLeft?: boolean
  /** Default 100. */
  readonly bytesMax?: number
}

const signature = (i: number): string => String(i).padStart(43, '0')

const kinds: readonly Kind[] = [
  {
    name: 'refused because their address is banned',
    options: () => ({
      authorize,
      settings: { addresses: { trustProxy: ['loopback'], banAfter: 2 } },
    }),
    textOf: () =>
      'GET /events?topic=b HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n',
  },
  {
    name: 'refused because their rate is used up',
    options: () => ({ authorize, settings: { limits: { streamsPerAddress: 1 } } }),
    textOf: () => request('X-User: ada\r\n'),
  },
  {
    name: 'refused because of bad tokens, each another one',
    options: () => ({ authorize: byToken() }),
    textOf: (i) => request(`Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.${signature(i)}\r\n`),
  },
  {
    name: 'refused because of garbage in the place of a token',
    options: () => ({ authorize: byToken() }),
    textOf: (i) => request(`Authorization: Bearer garbage-${i}\r\n`),
  },
  {
    name: 'refused because of tickets that nobody has handed out',
    options: () => ({ authorize: byToken() }),
    textOf: (i) =>
      `GET /events?topic=a&ticket=${String(i).padStart(22, 'x')} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  },
  {
    name: 'refused because of the origin of their page, each another one',
    options: () => ({ authorize }),
    textOf: (i) => request(`Origin: https://evil-${i}.example\r\n`),
  },
  {
    name: 'gone after half a head',
    options: () => ({ authorize }),
    textOf: (i) => `GET /events?topic=${i} HTTP/1.1\r\nHost: localhost\r\nX-Half: ${i}`,
    isLeft: true,
  },
  {
    name: 'let in, counted by user and by address, and gone again',
    options: () => ({
      authorize,
      settings: {
        limits: { sessionsPerUser: 50, sessionsPerAddress: 10_000, maxSessionAge: '1h' },
      },
    }),
    textOf: (i) => request(`X-User: user ${i % 100}\r\n`),
    // For a minute a ledger remembers what was deleted: `npm run bench -- refused-memory` waits for that.
    bytesMax: 700,
  },
]

test.each(kinds)(
  'memory is flat after thousands of connections that are $name',
  async ({ name, options, textOf, isLeft = false, bytesMax = bytesPerConnectionMax }) => {
    const clock = createFakeClock(Date.now())
    const log = memoryLog({ clock })
    const port = await startTestServer({ log, connectionsMax: 1_000, ...options() })
    const sizes: number[] = []
    for (let round = 0; round < warmUps + roundsMeasured; round++) {
      const statuses = await comeOften(port, textOf, { from: round * cycles, isLeft })
      if (name.startsWith('refused'))
        expect([...statuses].filter((status) => Number(status) >= 400)).not.toEqual([])
      // A log holds for a minute that users have closed their streams.
      clock.advance(180_000)
      if (round >= warmUps) sizes.push(await settledSize())
    }
    const perConnection = slope(sizes) / cycles
    expect(perConnection).toBeLessThan(bytesMax)
  },
)

/** Bytes once they do not fall any more: what waits is stored a little after the last socket has closed. */
async function settledSize(): Promise<number> {
  // A collection takes a tenth of a second, so they begin when there is something to find.
  const countSockets = (): number =>
    process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length
  await waitUntil('all sockets are closed', () => countSockets() === 0, { watch: countSockets })
  let least = collectGarbage()
  let stays = 0
  await waitUntil('memory is let go', () => {
    const size = collectGarbage()
    stays = size < least - 10_000 ? 0 : stays + 1
    least = Math.min(least, size)
    return stays >= 2
  })
  return least
}

/** By least squares, per round. */
function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const [above, below] = values.reduce(
    ([over, under], value, i) => [over + (i - middle) * (value - mean), under + (i - middle) ** 2],
    [0, 0],
  )
  return above / below
}
