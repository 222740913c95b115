// Random work on one ledger through two handles, against a map.

import type { FakeClock } from '../fake-clock.ts'
import type { Ledger } from '@tidemark/log'
import fc from 'fast-check'
import { expect, test } from 'vitest'

import type { OpenBench } from './harness.ts'
import { contents, openBans, openBoth } from './ledger-contract.ts'

const someKey = fc.constantFrom('a', 'b', 'c')
const someHandle = fc.constantFrom(0 as const, 1 as const)
const someLifeMs = fc.option(fc.integer({ min: 1, max: 90_000 }), { nil: undefined })
const someCall = fc.record({
  kind: fc.constantFrom('set' as const, 'delete' as const, 'claim' as const),
  key: someKey,
  by: someHandle,
  lifeMs: someLifeMs,
})
const someStep = fc.oneof(
  { weight: 5, arbitrary: someCall.map((call) => ({ kind: 'one' as const, calls: [call] })) },
  {
    weight: 2,
    arbitrary: fc
      .array(someCall, { minLength: 2, maxLength: 8 })
      .map((calls) => ({ kind: 'together' as const, calls })),
  },
  {
    weight: 2,
    arbitrary: fc
      .integer({ min: 1, max: 200_000 })
      .map((waitMs) => ({ kind: 'wait' as const, waitMs })),
  },
)

type Call = typeof someCall extends fc.Arbitrary<infer T> ? T : never
type Step = typeof someStep extends fc.Arbitrary<infer T> ? T : never

export function describeLedgerModel(open: OpenBench, runs: number): void {
  test('a ledger is the map that its calls make, through each of two handles and after any wait', async () => {
    let histories = 0
    const property = fc.asyncProperty(
      fc.array(someStep, { minLength: 1, maxLength: 25 }),
      async (steps) => {
        await runSteps(open, steps)
        histories += 1
      },
    )
    await fc.assert(property, { numRuns: runs })
    expect(histories).toBe(runs)
  })
}

type Model = Map<string, { readonly value: string; readonly expiresAt: number }>

async function runSteps(open: OpenBench, steps: readonly Step[]): Promise<void> {
  const bench = await open()
  const { clock, log, harness } = bench
  const both = await openBoth(bench)
  let model: Model = new Map()
  let count = 0
  for (const step of steps) {
    if (step.kind === 'wait') {
      clock.advance(step.waitMs)
      await harness.flushRetention()
    } else if (step.kind === 'one') {
      for (const call of step.calls) await compareCall({ both, model, clock }, call, `v${count++}`)
    } else {
      await Promise.all(
        step.calls.map((call) => perform(both[call.by], clock, { ...call, value: `v${count++}` })),
      )
      // The order is the log's to say: what is left must be the same for all.
      await reachHead()
      model = new Map(both[0].entries().map((entry) => [entry.key, entry]))
    }
    await reachHead()
    const wanted = sorted(listLiving(model, clock.now()))
    for (const ledger of both) expect(sorted(contents(ledger))).toEqual(wanted)
  }
  const fresh = await openBans(log, clock)
  expect(sorted(contents(fresh))).toEqual(sorted(listLiving(model, clock.now())))
  await log.close()

  async function reachHead(): Promise<void> {
    const { head } = await log.bounds()
    await Promise.all(both.map((ledger) => ledger.reached(head)))
  }
}

interface Scene {
  readonly both: readonly [Ledger<string>, Ledger<string>]
  readonly model: Model
  readonly clock: FakeClock
}

async function compareCall(
  { both, model, clock }: Scene,
  call: Call,
  value: string,
): Promise<void> {
  const { key, kind, lifeMs } = call
  const now = clock.now()
  const expiresAt = lifeMs === undefined ? Infinity : now + lifeMs
  const before = listLiving(model, now)[key]
  const answer = await perform(both[call.by], clock, { ...call, value })
  if (kind === 'delete') {
    expect(answer).toBe(before !== undefined)
    model.delete(key)
    return
  }
  if (kind === 'claim') {
    expect(answer).toMatchObject({ isWon: before === undefined, value: before ?? value })
    if (before !== undefined) return
  }
  model.set(key, { value, expiresAt })
}

async function perform(
  ledger: Ledger<string>,
  clock: FakeClock,
  { kind, key, lifeMs, value }: Call & { readonly value: string },
): Promise<unknown> {
  const options = lifeMs === undefined ? {} : { expiresAt: clock.now() + lifeMs }
  if (kind === 'set') return await ledger.set(key, value, options)
  if (kind === 'claim') return await ledger.claim(key, value, options)
  return await ledger.delete(key)
}

function listLiving(model: Model, now: number): Record<string, string> {
  const living = [...model].filter(([, { expiresAt }]) => now < expiresAt)
  return Object.fromEntries(living.map(([key, { value }]) => [key, value]))
}

function sorted(values: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1))
}
