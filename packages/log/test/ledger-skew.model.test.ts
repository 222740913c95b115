// Random work on one ledger by nodes whose clocks differ by minutes, so that claims of one key
// enter the log side by side. Some nodes are opened in the middle of it, and some read their
// snapshot anew. Some are not handed superseded records.

import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { comparePositions, memoryLog, openLedger } from '../src/index.ts'
import type { EventLog, Ledger } from '../src/index.ts'
import { settle, stumble } from './support/stumble.ts'
import type { StumblingLog } from './support/stumble.ts'

const codec = { encode: (value: string) => value, decode: (text: string) => text }
const skewsMs: readonly number[] = [0, 61_000, -61_000, 30_000]
const nodes = skewsMs.length

const someNode = fc.integer({ min: 0, max: nodes - 1 })
const someKey = fc.constantFrom('a', 'b')
const someClaims = fc
  .array(someNode, { minLength: 2, maxLength: 5 })
  .chain((by) => someKey.map((key) => ({ kind: 'claim' as const, key, by })))
const someEvent = fc.oneof(
  { weight: 2, arbitrary: someNode.map((node) => ({ kind: 'overtake' as const, node })) },
  { weight: 2, arbitrary: someNode.map((node) => ({ kind: 'reopen' as const, node })) },
  { weight: 2, arbitrary: someNode.map((node) => ({ kind: 'stop' as const, node })) },
  { weight: 2, arbitrary: someNode.map((node) => ({ kind: 'resume' as const, node })) },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(0, 1, 2, 4, 8, 50)
      .map((turns) => ({ kind: 'turn' as const, turns })),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(200, 1_000, 2_000).map((ms) => ({ kind: 'wait' as const, ms })),
  },
)
const someEnd = fc.oneof(
  someKey.map((key) => ({ kind: 'delete' as const, key })),
  someKey.map((key) => ({ kind: 'set' as const, key })),
)

type Step =
  | (typeof someClaims extends fc.Arbitrary<infer T> ? T : never)
  | (typeof someEvent extends fc.Arbitrary<infer T> ? T : never)
  | (typeof someEnd extends fc.Arbitrary<infer T> ? T : never)

interface Scene {
  readonly clock: FakeClock
  readonly log: EventLog
  readonly slow: readonly StumblingLog[]
  readonly ledgers: Ledger<string>[]
  /** Claims under way and what became of them. */
  readonly won: { readonly key: string; readonly by: string }[]
  readonly pending: Promise<unknown>[]
  count: number
}

function openAs(scene: Pick<Scene, 'clock' | 'slow'>, node: number): Promise<Ledger<string>> {
  const { clock, slow } = scene
  const skewed = { ...clock, now: () => clock.now() + (skewsMs[node] ?? 0) }
  const of = slow[node]
  if (of === undefined) throw new Error('There is no such node.')
  return openLedger(of, 'raced', { codec, clock: skewed, onError: () => undefined })
}

async function begin(): Promise<Scene> {
  const clock = createFakeClock()
  const log = memoryLog({ clock, retention: { maxAgeMs: Infinity } })
  const slow = skewsMs.map(() => stumble(log))
  const scene = { clock, log, slow, ledgers: [], won: [], pending: [], count: 0 } as Scene
  for (let node = 0; node < nodes; node++) scene.ledgers.push(await openAs(scene, node))
  return scene
}

async function take(scene: Scene, step: Step): Promise<void> {
  const { clock, ledgers, won, pending, slow } = scene
  if (step.kind === 'wait') clock.advance(step.ms)
  else if (step.kind === 'turn') await turn(step.turns)
  else if (step.kind === 'stop') slow[step.node]?.stop()
  else if (step.kind === 'resume') slow[step.node]?.resume()
  else if (step.kind === 'overtake') await slow[step.node]?.overtake()
  else if (step.kind === 'reopen') {
    ledgers[step.node]?.close()
    // One that stands still opens nothing: its tail has to come to the head.
    slow[step.node]?.resume()
    ledgers[step.node] = await openAs(scene, step.node)
  } else if (step.kind === 'claim') {
    for (const node of step.by) {
      const by = `${node}.${scene.count++}`
      const claim = async (): Promise<void> => {
        const answer = await ledgers[node]?.claim(step.key, by)
        if (answer?.isWon) won.push({ key: step.key, by })
      }
      pending.push(claim().catch(() => undefined))
    }
  } else {
    const ended =
      step.kind === 'delete'
        ? ledgers[0]?.delete(step.key)
        : ledgers[0]?.set(step.key, `set ${scene.count++}`)
    // By a node that stands still it is refused in the end.
    pending.push((ended ?? Promise.resolve()).catch(() => undefined))
  }
}

async function turn(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await Promise.resolve()
}

/** Until all claims are answered and what they displaced is put back. */
async function rest({ clock, pending, log, slow }: Scene): Promise<void> {
  for (const each of slow) each.resume()
  // One that is answered never takes 10 s, or its node has said that the log hands nothing over.
  for (let i = 0; i < 60; i++) {
    clock.advance(500)
    await settle()
  }
  await Promise.all(pending)
  for (let i = 0; i < 8; i++) {
    clock.advance(1_000)
    await settle()
  }
  const { head } = await log.bounds()
  clock.advance(3_000)
  await settle()
  // Nobody goes on putting back.
  expect(comparePositions((await log.bounds()).head, head)).toBe(0)
}

function contents(ledger: Ledger<string>): readonly string[] {
  return ledger
    .entries()
    .map(({ key, value }) => `${key}=${value}`)
    .sort()
}

test('of claims by nodes whose clocks differ one wins, and all nodes and new ones agree on it', async () => {
  const property = fc.asyncProperty(
    fc.array(fc.oneof({ weight: 2, arbitrary: someClaims }, someEvent), { maxLength: 16 }),
    async (steps) => {
      const scene = await begin()
      for (const step of steps) await take(scene, step)
      await rest(scene)
      const fresh = await openAs(scene, 0)
      for (const ledger of scene.ledgers) expect(contents(ledger)).toEqual(contents(fresh))
      for (const key of ['a', 'b']) {
        const winners = scene.won.filter((claim) => claim.key === key)
        expect(winners.length).toBeLessThanOrEqual(1)
        if (winners[0] !== undefined) expect(fresh.get(key)).toBe(winners[0].by)
      }
    },
  )
  await fc.assert(property, { numRuns: 300 })
})

test('nodes whose clocks differ agree in the end, whatever is set and deleted between their claims', async () => {
  const property = fc.asyncProperty(
    fc.array(fc.oneof({ weight: 2, arbitrary: someClaims }, someEvent, someEnd), { maxLength: 18 }),
    async (steps) => {
      const scene = await begin()
      for (const step of steps) await take(scene, step)
      await rest(scene)
      const fresh = await openAs(scene, 0)
      for (const ledger of scene.ledgers) expect(contents(ledger)).toEqual(contents(fresh))
    },
  )
  await fc.assert(property, { numRuns: 300 })
})
