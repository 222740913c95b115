// A feed as a store: its snapshot, its listeners and its subscribers, whatever these do in a callback.

import { expect, onTestFinished, test, vi } from 'vitest'
import { turns } from './model-server.ts'
import { collect, setUp } from './support/client-bench.ts'

test('a snapshot is the same frozen object until something changes', async () => {
  const { client, server } = setUp()
  const feed = client.feed(['a'])
  const { getSnapshot, subscribe } = feed
  const changes: unknown[] = []
  const idle = getSnapshot()
  expect(getSnapshot()).toBe(idle)
  expect(Object.isFrozen(idle)).toBe(true)
  const remove = subscribe(() => void changes.push(getSnapshot()))
  await turns()
  server.publish('a', 'a')
  await server.flush()
  const full = getSnapshot()
  expect(full).toBe(changes.at(-1))
  expect(full).toMatchObject({ state: { phase: 'open' }, event: { data: 2 }, eventCount: 2 })
  // A beat moves the place and nothing that a view shows.
  server.open[0]?.beat()
  await turns()
  expect(getSnapshot()).toBe(full)
  expect(new Set(changes).size).toBe(changes.length)
  remove()
  feed.close()
  expect(getSnapshot()).toMatchObject({ state: { phase: 'closed', error: undefined } })
  expect(changes.at(-1)).toBe(full)
  expect(idle).toEqual({
    state: { phase: 'idle' },
    event: undefined,
    eventCount: 0,
    gap: undefined,
  })
})

test('a listener or a store subscriber that throws stops neither its neighbours nor other feeds', async () => {
  const thrown: unknown[] = []
  const catchIt = (error: unknown): void => void thrown.push(error)
  const { client, server } = setUp()
  const before = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException').on('uncaughtException', catchIt)
  onTestFinished(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of before) process.on('uncaughtException', listener)
  })
  const feed = client.feed(['a'])
  feed.on('message', () => {
    throw new Error('listener')
  })
  feed.subscribe(() => {
    const { event, state } = feed.getSnapshot()
    if (event !== undefined && state.phase === 'open') throw new Error('subscriber')
  })
  const same = collect(feed)
  const other = collect(client.feed(['a']))
  await turns()
  server.publish('a', 'a')
  await server.flush()
  expect([same.seen, other.seen]).toEqual([
    ['1', '2'],
    ['1', '2'],
  ])
  expect(thrown).toHaveLength(4)
})

test('a listener or subscriber that is removed in a callback hears no more, of the same event neither', async () => {
  const { client, server } = setUp()
  const feed = client.feed(['a'])
  const late = vi.fn<() => void>()
  const lateStore = vi.fn<() => void>()
  const removers: (() => void)[] = []
  feed.on('message', () => removers[0]?.())
  removers.push(feed.on('message', late))
  await turns()
  feed.subscribe(() => removers[1]?.())
  removers.push(feed.subscribe(lateStore))
  server.publish('a', 'a')
  await server.flush()
  expect(feed.getSnapshot().eventCount).toBe(2)
  expect(late).not.toHaveBeenCalled()
  expect(lateStore).not.toHaveBeenCalled()
})

test('every listener hears of states and events in their order, whatever another one does in the middle', async () => {
  const { client, server } = setUp()
  const feed = client.feed(['a'])
  const loop = feed[Symbol.asyncIterator]()
  const heard: unknown[] = []
  const shown: unknown[] = []
  feed.on('message', (data) => {
    // The loop asks for the next event while this one is being told.
    if (data === 1) void loop.next()
    if (data === 3) feed.close()
  })
  feed.on('message', (data) => void heard.push(data))
  feed.on('tidemark.state', ({ phase }) => void heard.push(phase))
  feed.subscribe(() => void shown.push(feed.getSnapshot().event?.data))
  void loop.next()
  server.publish('a', 'a', 'a')
  await turns()
  await server.flush()
  void loop.next()
  expect(heard).toEqual(['connecting', 'open', 1, 2, 3, 'closed'])
  expect(shown).toEqual([undefined, undefined, 1, 2, 3, 3])

  const other = client.feed(['a'])
  const phases: string[] = []
  other.on('tidemark.state', ({ phase }) => {
    if (phase === 'open') other.close()
  })
  other.on('tidemark.state', ({ phase }) => void phases.push(phase))
  await turns()
  expect(phases).toEqual(['connecting', 'open', 'closed'])
})

test('a feed that a listener of its state has closed is closed in its snapshot too', async () => {
  const { client } = setUp()
  const feed = client.feed(['a'])
  feed.on('tidemark.state', ({ phase }) => {
    if (phase === 'open') feed.close()
  })
  await turns()
  expect(feed.getSnapshot().state).toEqual({ phase: 'closed', error: undefined })
})

test('a feed that a listener of its state closes while it connects asks nothing of the server', async () => {
  const { client, server, clock } = setUp()
  const feed = client.feed(['a'])
  feed.on('tidemark.state', ({ phase }) => {
    if (phase === 'connecting') feed.close()
  })
  await turns()
  expect(feed.state).toEqual({ phase: 'closed', error: undefined })
  expect(server.sessions).toHaveLength(0)
  expect(clock.pending).toBe(0)
})
