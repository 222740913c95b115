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
const takings: readonly Taking[] = ['listener', 'loop', 'store', 'once', 'listener']

const act = fc.record({
  kind: fc.constantFrom(
    ...['publish', 'publish', 'publish', 'publish', 'join', 'join', 'leave', 'return', 'close'],
    ...['read', 'read', 'cut', 'cut', 'hold', 'release', 'pass', 'pass', 'pass', 'pass'],
    ...['unreachable', 'silent', 'reachable', 'replace', 'restart', 'late', 'late', 'level'],
    ...['crowd', 'crowd'],
  ),
  at: fc.nat({ max: 60 }),
})

async function play(world: EngineWorld, kind: string, at: number): Promise<void> {
  const { takers } = world
  const taker = takers[at % Math.max(1, takers.length)]
  if (kind === 'publish')
    for (let i = 0; i <= at % 4; i++) await world.publish(names[(at + i) % names.length] ?? '')
  // Another one comes while the shared stream opens anew for the one before.
  const joins = { join: 1, crowd: 2 }[kind] ?? 0
  for (let i = 0; i < joins && takers.length < 12; i++) {
    world.join({
      topics: sets[(at + i) % sets.length] ?? [],
      since: starts[(at + i) % starts.length] ?? '',
      taking: takings[Math.floor(at / 5) % takings.length] ?? 'listener',
    })
    await world.pass(at % 3 === 0 ? 0 : 40)
    await turns(at % 4)
    if (joins > 1) await world.publish(names[at % names.length] ?? '')
  }
  if (kind === 'leave') taker?.leave()
  if (kind === 'return') taker?.listen()
  if (kind === 'close') taker?.close()
  if (kind === 'read') for (let i = 0; i < 3; i++) await taker?.read()
  if (kind === 'cut') world.pipe(at)?.cut()
  if (kind === 'hold') world.pipe(at)?.hold()
  if (kind === 'release') world.pipe(at)?.release()
  if (kind === 'pass') await world.pass([50, 300, 1_200, 6_000][at % 4] ?? 0)
  if (kind === 'unreachable' || kind === 'silent') world.fault = kind
  if (kind === 'reachable') world.fault = 'none'
  if (kind === 'late') world.tail.delay()
  if (kind === 'level') world.tail.catchUp()
  if (kind === 'replace') await world.replaceNode()
  if (kind === 'restart' && at % 4 === 0) world.restart()
  await turns(at % 3)
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
      for (const { kind, at } of script) await play(world, kind, at)
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
  await fc.assert(property, { numRuns: Number(process.env['RUNS'] ?? 30), ...(process.env['FCSEED'] ? { seed: Number(process.env['FCSEED']), endOnFailure: true } : {}) })
  // It has seen what it is about.
  expect(gaps).toBeGreaterThan(20)
  expect(events).toBeGreaterThan(500)
  expect(ownLinks).toBeGreaterThan(20)
})
