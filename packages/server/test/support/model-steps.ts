// Steps that models of streams share: tails that are held back hand records over, clients are cut and
// blocked, and time passes.

import type { FakeClock } from '@tidemark/testkit'
import fc from 'fast-check'
import type { HeldLog } from './held-log.ts'
import { settle } from './settle.ts'
import type { TestClient } from './test-client.ts'

/** One node flushes in the turn in which a record arrives, the other gathers records for a while. */
export const windows = [{ flushWindowMs: 0 }, { flushWindowMs: 5 }] as const

export type CommonStep =
  | { readonly do: 'release'; readonly node: number; readonly count: number }
  | { readonly do: 'cut' | 'block' | 'unblock'; readonly client: number }
  /**
   * One microtask; one turn; part of a flush window; all of that, and everything held is handed over as well.
   */
  | { readonly do: 'yield' | 'settle' | 'pass' | 'pump' }

/** One of the nodes. */
export const node: fc.Arbitrary<number> = fc.nat(windows.length - 1)

export const release: fc.Arbitrary<CommonStep> = fc.record({
  do: fc.constant('release' as const),
  node,
  count: fc.integer({ min: 1, max: 8 }),
})

/** One of these, equally often. */
export function oneOf<Name extends string>(
  ...names: readonly Name[]
): fc.Arbitrary<{ readonly do: Name }> {
  return fc.record({ do: fc.constantFrom(...names) })
}

const commonNames: ReadonlySet<string> = new Set<CommonStep['do']>([
  'block',
  'cut',
  'pass',
  'pump',
  'release',
  'settle',
  'unblock',
  'yield',
])

export function isCommon(step: { readonly do: string }): step is CommonStep {
  return commonNames.has(step.do)
}

/** The things that common steps are done to. */
export interface Stage {
  readonly clock: FakeClock
  readonly nodes: readonly { readonly held: HeldLog }[]
  clientAt(index: number): TestClient | undefined
}

export function takeCommon(step: CommonStep, stage: Stage): Promise<void> | void {
  switch (step.do) {
    case 'release':
      return stage.nodes[step.node]?.held.release(step.count)
    case 'cut':
      return stage.clientAt(step.client)?.connection?.cut()
    case 'block':
      return stage.clientAt(step.client)?.connection?.block()
    case 'unblock':
      return stage.clientAt(step.client)?.connection?.unblock()
    case 'settle':
      return settle()
    case 'yield':
      return Promise.resolve()
    case 'pass':
      return stage.clock.advance(2)
    case 'pump':
      return pump(stage)
    default:
      throw new Error(`no such step: ${JSON.stringify(step)}`)
  }
}

/** Everything held is handed over, and leaves. */
export async function pump({ clock, nodes }: Stage): Promise<void> {
  await settle()
  for (const { held } of nodes) held.release()
  clock.advance(5)
  await settle()
}
