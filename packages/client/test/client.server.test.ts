// One client against the engine itself, without sockets: feeds come and leave while nodes and networks fail.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { catchUpLinksMax } from '../src/limits.ts'
import { EngineWorld, findFault } from './engine-world.ts'
import type { Taking } from './engine-world.ts'
import { turns } from './model-server.ts'

const names = ['a', 'b', 'c/1', 'c/2', 'a', 'c/1'] as const
const sets = [['a'], ['b', 'c/1'], ['c/*'], ['**'], ['c/2'], ['a', 'b']] as const
const starts = ['now', 'earliest', '-2', '2s', 'now'] as const
const takersMax = 12
const takings: readonly Taking[] = ['listener', 'loop', 'store', 'once', 'listener']

/** The acts that may happen, and how much more often than the rarest. */
const acts: Readonly<
  Record<string, { weight: number; play: (world: EngineWorld, at: number) => unknown }>
> = {
  publish: { weight: 4, play: publish },
  join: { weight: 2, play: join },
  // Another feed comes while the shared stream opens anew for the one before.
  crowd: {
    weight: 2,
    play: async (world, at) => {
      for (const each of [at, at + 1]) {
        await join(world, each)
        await world.publish(names[at % names.length] ?? '')
      }
    },
  },
  leave: { weight: 1, play: (world, at) => pick(world.takers, at)?.leave() },
  return: { weight: 1, play: (world, at) => pick(world.takers, at)?.listen() },
  close: { weight: 1, play: (world, at) => pick(world.takers, at)?.close() },
  read: {
    weight: 2,
    play: async (world, at) => {
      for (let i = 0; i < 3; i++) await pick(world.takers, at)?.read()
    },
  },
  cut: { weight: 2, play: (world, at) => pick([...world.pipes], at)?.cut() },
  hold: { weight: 1, play: (world, at) => pick([...world.pipes], at)?.hold() },
  release: { weight: 1, play: (world, at) => pick([...world.pipes], at)?.release() },
  pass: { weight: 4, play: (world, at) => world.pass([50, 300, 1_200, 6_000][at % 4] ?? 0) },
  unreachable: { weight: 1, play: (world) => (world.fault = 'unreachable') },
  silent: { weight: 1, play: (world) => (world.fault = 'silent') },
  reachable: { weight: 1, play: (world) => (world.fault = 'none') },
  late: { weight: 2, play: (world) => world.tail.delay() },
  level: { weight: 1, play: (world) => world.tail.catchUp() },
  replace: { weight: 1, play: (world) => world.replaceNode() },
  restart: { weight: 1, play: (world, at) => at % 4 === 0 && world.restart() },
}

const act = fc.record({
  kind: fc.oneof(
    ...Object.entries(acts).map(([kind, { weight }]) => ({ weight, arbitrary: fc.constant(kind) })),
  ),
  at: fc.nat({ max: 60 }),
})

function pick<One>(all: readonly One[], at: number): One | undefined {
  return all[at % Math.max(1, all.length)]
}

async function publish(world: EngineWorld, at: number): Promise<void> {
  for (let i = 0; i <= at % 4; i++) await world.publish(names[(at + i) % names.length] ?? '')
}

async function join(world: EngineWorld, at: number): Promise<void> {
  if (world.takers.length === takersMax) return
  world.join({
    topics: pick(sets, at) ?? [],
    since: pick(starts, at) ?? '',
    taking: pick(takings, Math.floor(at / 5)) ?? 'listener',
  })
  if (at % 3 !== 0) await world.pass(40)
  await turns(at % 4)
}

async function settle(world: EngineWorld, seconds: number): Promise<void> {
  world.fault = 'none'
  world.tail.catchUp()
  for (let i = 0; i < seconds; i++) {
    for (const taker of world.takers) taker.listen()
    for (const pipe of world.pipes) pipe.release()
    await world.pass(1_000)
    for (const taker of world.takers) for (let j = 0; j < 8; j++) await taker.read()
  }
}

test('against the engine, no feed of a client loses or doubles an event without being told, and all end on one stream', async () => {
  let gaps = 0
  let events = 0
  let ownLinks = 0
  const property = fc.asyncProperty(
    fc.array(act, { minLength: 40, maxLength: 200, size: 'max' }),
    fc.nat({ max: 2 ** 31 }),
    fc.constantFrom(4, 20, 10_000),
    async (script, seed, keeps) => {
      const world = new EngineWorld(seed, keeps)
      for (const { kind, at } of script) {
        await acts[kind]?.play(world, at)
        await turns(at % 3)
      }
      await settle(world, 40)
      for (const name of names) await world.publish(name)
      await settle(world, 40)
      const open = world.takers.filter(({ isClosed }) => !isClosed)
      for (const taker of open) {
        const { topics, since, taking, told } = taker
        const fault = findFault(taker, world)
        expect({ topics, since, taking, told, fault }).toMatchObject({ fault: undefined })
        gaps += told.filter((one) => typeof one === 'object').length
        events += told.length
      }
      if (world.openMax > 1) ownLinks++
      expect(world.openMax).toBeLessThanOrEqual(catchUpLinksMax + 2)
      expect(world.pipes.size).toBe(open.length > 0 ? 1 : 0)
      world.client.close()
      await turns()
      expect(world.pipes.size).toBe(0)
      expect(world.clientClock.pending).toBe(0)
      await world.end()
    },
  )
  await fc.assert(property, { numRuns: 30 })
  // It has seen what it is about.
  expect(gaps).toBeGreaterThan(10)
  expect(events).toBeGreaterThan(500)
  expect(ownLinks).toBeGreaterThan(10)
})
