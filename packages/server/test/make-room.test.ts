// A stream that finds no place: dead ones make room first, and an application may refuse it for its user.

import { memoryLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { parseSubscriptionBody } from '../src/hub/index.ts'
import { ServerError, createTidemark } from '../src/index.ts'
import type { TidemarkOptions } from '../src/index.ts'
import { createTidemark as createFetchTidemark } from '../src/fetch/index.ts'
import { TestClient } from './support/test-client.ts'

function start(options: Partial<TidemarkOptions> = {}) {
  const clock = createFakeClock()
  const tide = createTidemark({
    log: memoryLog({ clock }),
    clock,
    authorize: 'everyone',
    ...options,
  })
  onTestFinished(() => tide.close())
  const open = async (owner: object = {}) => {
    const client = new TestClient()
    await tide.open(client.connect(), parseSubscriptionBody({ topics: ['a'] }), owner)
    return client
  }
  return { clock, tide, open }
}

test('a full node ends a session that has taken nothing for ten seconds, and then takes another', async () => {
  const { clock, tide, open } = start({ sessionsMax: 2 })
  const stalled = await open()
  const alive = await open()
  stalled.connection?.block()
  await tide.publish('a', { data: 'x' })
  await expect(open()).rejects.toMatchObject({ code: 'FULL' })
  clock.advance(10_000)
  await open()
  expect(tide.sessionCount).toBe(2)
  expect(alive.control('bye')).toEqual([])
  expect(tide.stats().closed.stalled).toBe(1)
  // Those that read stay, however many ask.
  await expect(open()).rejects.toMatchObject({ code: 'FULL' })
})

test('stalled sessions of one user or label are ended, and those of others are not', async () => {
  const { clock, tide, open } = start()
  for (const owner of [{ user: 'ada' }, { user: 'grace' }, { user: 'ada', label: 'phone' }]) {
    const client = await open(owner)
    client.connection?.block()
  }
  await open({ user: 'ada' })
  await tide.publish('a', { data: 'x' })
  expect(tide.endStalled()).toBe(0)
  clock.advance(10_000)
  expect(tide.endStalled({ label: 'phone' })).toBe(1)
  expect(tide.endStalled({ user: 'ada' })).toBe(1)
  expect(tide.sessions().map(({ user }) => user)).toEqual(['grace', 'ada'])
})

test('a client that was replaced comes back late, others soon', async () => {
  const { tide, open } = start()
  const clients = [await open({ user: 'ada' }), await open({ user: 'grace' })]
  await tide.sessions({ user: 'ada' })[0]?.end('replaced')
  await tide.sessions({ user: 'grace' })[0]?.end('moved')
  const [late = 0, soon = 0] = clients.map((client) => {
    const [bye] = client.control('bye') as { retryMs: number }[]
    return bye?.retryMs
  })
  expect(late).toBeGreaterThanOrEqual(120_000)
  expect(soon).toBeLessThan(60_000)
})

test('an application refuses a stream when it knows its user, before it opens', async () => {
  const tide = createFetchTidemark({
    log: memoryLog(),
    authorize: (request) => ({ user: request.header('x-user'), subscribe: ['**'] }),
  })
  onTestFinished(() => tide.close())
  const asked: (string | undefined)[] = []
  const admit = ({ user }: { readonly user: string | undefined }): void => {
    asked.push(user)
    if (user === 'ada') throw new ServerError('FULL', 'Enough of ada.')
  }
  const open = (user: string) =>
    tide.fetch(new Request('http://localhost/?topic=a', { headers: { 'x-user': user } }), { admit })
  expect((await open('ada')).status).toBe(503)
  expect(tide.sessionCount).toBe(0)
  const taken = await open('grace')
  expect(taken.status).toBe(200)
  await taken.body?.cancel()
  expect(asked).toEqual(['ada', 'grace'])
  const wrong = await tide.fetch(new Request('http://localhost/?topic=a'), {
    admit: 'no function' as unknown as typeof admit,
  })
  expect(wrong.status).toBe(500)
})
