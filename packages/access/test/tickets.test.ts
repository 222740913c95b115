import { formatCursor, memoryLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { countedNamesMax } from '../src/limits.ts'
import { CountedWindow } from '../src/tickets/counted-window.ts'
import { openTickets, streamRequest } from './support/access-node.ts'

const grant = { user: 'ada', subscribe: ['a'], claims: { jti: 't1', iat: 1 } }
const refused = { code: 'TICKET_INVALID', status: 401 }

async function openTwoNodes() {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const [here, there] = [openTickets(log, clock), openTickets(log, clock)]
  await Promise.all([here.ready, there.ready])
  const { head } = await log.bounds()
  return { clock, log, here, there, cursor: formatCursor(head) }
}

test('a ticket of one node opens a stream at another', async () => {
  const { here, there } = await openTwoNodes()
  const { ticket, expiresInMs } = await here.issue(grant, 't1')
  expect(ticket).toMatch(/^[\w-]{22}$/)
  expect(expiresInMs).toBe(30_000)
  const opened = await there.use(ticket, streamRequest())
  expect(opened).toMatchObject({ user: 'ada', subscribe: ['a'], claims: { jti: 't1', iat: 1 } })
})

test('a ticket keeps the filter of its grant', async () => {
  const { here, there } = await openTwoNodes()
  const { ticket } = await here.issue({ ...grant, where: { region: ['eu'] } }, 't1')
  const { where } = await there.use(ticket, streamRequest())
  expect(where).toEqual({ region: ['eu'] })
})

test('a ticket that is used twice lets the first in alone', async () => {
  const { here, there } = await openTwoNodes()
  const { ticket } = await here.issue(grant, 't1')
  await there.use(ticket, streamRequest())
  await expect(there.use(ticket, streamRequest())).rejects.toMatchObject(refused)
  await expect(here.use(ticket, streamRequest())).rejects.toMatchObject(refused)
})

test('of two nodes that are shown one ticket at once exactly one lets it in', async () => {
  const { here, there } = await openTwoNodes()
  for (let round = 0; round < 20; round++) {
    const { ticket } = await here.issue(grant, `t${round}`)
    const uses = [here, there, here, there].map((node, index) =>
      node.use(ticket, streamRequest({ agent: `agent ${index}` })),
    )
    const outcomes = await Promise.allSettled(uses)
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  }
})

test('a ticket that is used late is refused', async () => {
  const { clock, here, there } = await openTwoNodes()
  const { ticket } = await here.issue(grant, 't1')
  clock.advance(30_000)
  await expect(there.use(ticket, streamRequest())).rejects.toMatchObject(refused)
})

test('the stream of a ticket comes back with its cursor, for as long as the grant holds', async () => {
  const { clock, here, there, cursor } = await openTwoNodes()
  const expiresAt = clock.now() + 600_000
  const { ticket } = await here.issue({ ...grant, expiresAt }, 't1')
  const first = await here.use(ticket, streamRequest())
  clock.advance(500_000)
  const second = await there.use(ticket, streamRequest({ cursor }))
  expect(second.expiresAt).toBe(expiresAt)
  expect(here.isReplaced(first.claims ?? {})).toBe(true)
  await expect.poll(() => there.isReplaced(first.claims ?? {})).toBe(true)
  expect(there.isReplaced(second.claims ?? {})).toBe(false)
  clock.advance(100_001)
  await expect(there.use(ticket, streamRequest({ cursor }))).rejects.toMatchObject(refused)
})

test.each([
  ['another user agent', { agent: 'curl' }],
  ['other topics', { url: '/events?topic=a&topic=b' }],
  ['another path', { url: '/other?topic=a' }],
  ['no cursor', { cursor: undefined }],
  ['a cursor that is none', { cursor: '1' }],
  ['a made-up cursor', { cursor: '1abcdefghijklmno0000-1' }],
])('a stolen ticket with %s does not come back as its stream', async (_name, other) => {
  const { here, cursor } = await openTwoNodes()
  const { ticket } = await here.issue(grant, 't1')
  const first = await here.use(ticket, streamRequest({ cursor }))
  const thief = here.use(ticket, streamRequest({ cursor, ...other }))
  await expect(thief).rejects.toMatchObject(refused)
  expect(here.isReplaced(first.claims ?? {})).toBe(false)
})

test('a stream may bring its cursor in the URL, which is another one each time', async () => {
  const { here, cursor } = await openTwoNodes()
  const { ticket } = await here.issue(grant, 't1')
  await here.use(ticket, streamRequest({ url: '/events?topic=a' }))
  const url = `/events?topic=a&lastEventId=${cursor}`
  expect(await here.use(ticket, streamRequest({ url }))).toMatchObject({ user: 'ada' })
})

test('a ticket opens streams and does nothing else', async () => {
  const { here } = await openTwoNodes()
  const { ticket } = await here.issue(grant, 't1')
  for (const part of [
    { action: 'publish' as const },
    { method: 'PATCH' },
    { action: 'admin' as const },
  ])
    await expect(here.use(ticket, streamRequest(part))).rejects.toMatchObject(refused)
  await here.use(ticket, streamRequest())
})

test.each(['', 'short', 'x'.repeat(22), `${'x'.repeat(21)}\r`, 'x'.repeat(10_000)])(
  'a ticket that nobody handed out is refused, and not repeated in the answer: %j',
  async (ticket) => {
    const { here } = await openTwoNodes()
    const error: unknown = await here
      .use(ticket, streamRequest())
      .catch((caught: unknown) => caught)
    expect(error).toMatchObject(refused)
    if (ticket !== '') expect(String(error)).not.toContain(ticket)
  },
)

test('a ticket is in no record of the log, only its hash is', async () => {
  const { log, here } = await openTwoNodes()
  const texts: string[] = []
  log.tail((await log.bounds()).head, {
    records: (records) => texts.push(...records.map((record) => JSON.stringify(record))),
  })
  const { ticket } = await here.issue(grant, 't1')
  await here.use(ticket, streamRequest())
  expect(texts.length).toBeGreaterThan(1)
  expect(texts.join('\n')).not.toContain(ticket)
})

test('a ticket for what an application checks again ends when that check would be due', async () => {
  const { clock, here } = await openTwoNodes()
  const { ticket } = await here.issue({ ...grant, recheckAfterMs: 60_000 }, 'ada')
  const opened = await here.use(ticket, streamRequest())
  expect(opened.recheckAfterMs).toBeUndefined()
  expect(opened.expiresAt).toBe(clock.now() + 60_000)
})

test('a credential is not traded for more tickets than anybody needs', async () => {
  const { clock, here } = await openTwoNodes()
  for (let i = 0; i < 60; i++) await here.issue(grant, 't1')
  await expect(here.issue(grant, 't1')).rejects.toMatchObject({
    code: 'TICKETS_TOO_MANY',
    status: 429,
  })
  await here.issue(grant, 't2')
  clock.advance(30_000)
  await here.issue(grant, 't1')
})

test('a grant that is too large for a ticket is refused, and not cut', async () => {
  const { here } = await openTwoNodes()
  const subscribe = Array.from({ length: 1000 }, (_, index) => `orders/${index}/items`)
  await expect(here.issue({ ...grant, subscribe }, 't1')).rejects.toMatchObject({
    code: 'TICKET_TOO_LARGE',
    status: 413,
  })
})

test('the names of credentials are counted up to a number of them', () => {
  const clock = createFakeClock()
  const counted = new CountedWindow(clock, 30_000, 1)
  for (let i = 0; i < 2 * countedNamesMax; i++) expect(counted.count(`name ${i}`)).toBe(true)
  expect(counted.size).toBe(countedNamesMax)
  expect(counted.count(`name ${2 * countedNamesMax - 1}`)).toBe(false)
  clock.advance(30_000)
  counted.count('another')
  expect(counted.size).toBe(1)
})

test.each([5_000, -5_000])(
  'nodes whose clocks are %i ms apart agree on a ticket',
  async (apart) => {
    const clock = createFakeClock()
    const other = createFakeClock(clock.now() + apart)
    const log = memoryLog({ clock })
    const [here, there] = [openTickets(log, clock), openTickets(log, other)]
    const cursor = formatCursor((await log.bounds()).head)
    const { ticket } = await here.issue(grant, 't1')
    await there.use(ticket, streamRequest())
    await expect(here.use(ticket, streamRequest())).rejects.toMatchObject(refused)
    await here.use(ticket, streamRequest({ cursor }))
    const late = await here.issue(grant, 't1')
    clock.advance(35_000)
    other.advance(35_000)
    await expect(there.use(late.ticket, streamRequest())).rejects.toMatchObject(refused)
  },
)

test.each([
  ['a number', { ticketsMax: 100, bytesMax: Infinity }],
  ['a size', { ticketsMax: Infinity, bytesMax: 20_000 }],
])(
  'streams may come back up to %s of them: those go that were used longest ago, and no new one is refused',
  async (_name, used) => {
    const clock = createFakeClock()
    const log = memoryLog({ clock })
    const [here, there] = [openTickets(log, clock, used), openTickets(log, clock, used)]
    const cursor = formatCursor((await log.bounds()).head)
    const opened: string[] = []
    const open = async (): Promise<void> => {
      const { ticket } = await here.issue(grant, `t${opened.length}`)
      await there.use(ticket, streamRequest())
      opened.push(ticket)
    }
    for (let i = 0; i < 80; i++) await open()
    const [first = '', second = ''] = opened
    clock.advance(61_000)
    await here.use(first, streamRequest({ cursor }))
    for (let i = 0; i < 40; i++) await open()
    const look = () => here.peek(second).catch((error: unknown) => error)
    await expect.poll(look).toMatchObject(refused)
    await here.use(first, streamRequest({ cursor }))
    await here.use(opened.at(-1) ?? '', streamRequest({ cursor }))
  },
)

test('a ticket is not forgotten while it could be used a first time again', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const here = openTickets(log, clock, { ticketsMax: 1, bytesMax: Infinity })
  const tickets = await Promise.all([1, 2, 3].map((i) => here.issue(grant, `t${i}`)))
  for (const { ticket } of tickets) await here.use(ticket, streamRequest())
  for (const { ticket } of tickets)
    await expect(here.use(ticket, streamRequest())).rejects.toMatchObject(refused)
})
