// Clients that are refused, or that come and go, leave nothing behind.

import { connect } from 'node:net'
import { createAccess } from '@tidemark/access'
import { memoryLog } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
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

/** By tokens and tickets, as a hub asks. */
function byToken(log: EventLog): Authorize {
  const access = createAccess({ tokens: [{ secret }], log })
  onTestFinished(() => access.close())
  return access.authorize
}

/**
 * One connection: a request, and its end as soon as the answer says enough; gives the code of a refusal, or
 * nothing.
 */
function come(port: number, text: string, isLeft: boolean): Promise<string | undefined> {
  let answer = ''
  let code: string | undefined
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Buffer) => {
      answer += bytes.toString('latin1')
      code = /"code":"(\w+)"/.exec(answer)?.[1]
      if (code !== undefined || answer.startsWith('HTTP/1.1 200 ')) socket.destroy()
    })
    socket.once('close', () => resolve(code))
    socket.write(text, () => isLeft && socket.destroy())
  })
}

/** Gives how often each code came. */
async function comeOften(
  port: number,
  textOf: (i: number) => string,
  { from, isLeft }: { readonly from: number; readonly isLeft: boolean },
): Promise<ReadonlyMap<string | undefined, number>> {
  const seen = new Map<string | undefined, number>()
  for (let i = from; i < from + cycles; i += 50) {
    const some = Array.from({ length: 50 }, (_, j) => come(port, textOf(i + j), isLeft))
    for (const code of await Promise.all(some)) seen.set(code, (seen.get(code) ?? 0) + 1)
  }
  return seen
}

const request = (fields: string): string =>
  `GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`

interface Kind {
  readonly name: string
  /** Of the refusal; undefined where no answer comes, or the client is let in. */
  readonly code?: string
  readonly options: (log: EventLog) => Partial<TestServerOptions>
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
    code: 'ADDRESS_DENIED',
    options: () => ({
      authorize,
      settings: { addresses: { trustProxy: ['loopback'], banAfter: 2 } },
    }),
    textOf: () =>
      'GET /events?topic=b HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n',
  },
  {
    name: 'refused because their rate is used up',
    code: 'RATE_LIMITED',
    options: () => ({ authorize, settings: { limits: { streamsPerAddress: 1 } } }),
    textOf: () => request('X-User: ada\r\n'),
  },
  {
    name: 'refused because of bad tokens, each another one',
    code: 'TOKEN_INVALID',
    options: (log) => ({ authorize: byToken(log) }),
    textOf: (i) => request(`Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.${signature(i)}\r\n`),
  },
  {
    name: 'refused because of garbage in the place of a token',
    code: 'TOKEN_INVALID',
    options: (log) => ({ authorize: byToken(log) }),
    textOf: (i) => request(`Authorization: Bearer garbage-${i}\r\n`),
  },
  {
    name: 'refused because of tickets that nobody has handed out',
    code: 'TICKET_INVALID',
    options: (log) => ({ authorize: byToken(log) }),
    textOf: (i) =>
      `GET /events?topic=a&ticket=${String(i).padStart(22, 'x')} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  },
  {
    name: 'refused because of the origin of their page, each another one',
    code: 'CROSS_SITE',
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
  async ({ code, options, textOf, isLeft = false, bytesMax = bytesPerConnectionMax }) => {
    const clock = createFakeClock(Date.now())
    const log = memoryLog({ clock })
    const port = await startTestServer({ log, connectionsMax: 1_000, ...options(log) })
    const sizes: number[] = []
    for (let round = 0; round < warmUps + roundsMeasured; round++) {
      const codes = await comeOften(port, textOf, { from: round * cycles, isLeft })
      // The first few of those who use up a rate, or fail until they are banned, get another answer.
      expect(codes.get(code), JSON.stringify([...codes])).toBeGreaterThan(0.9 * cycles)
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
