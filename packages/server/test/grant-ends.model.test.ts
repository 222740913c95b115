// Sessions whose end moves while time passes and sockets stop and go, against a judge who knows the end. Each
// end is told once at most, in its last 30 s, and comes on time.

import { memoryLog } from '@tidemark/log'
import { createFakeClock, modelRuns } from '@tidemark/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseSubscriptionBody } from '../src/hub/index.ts'
import { createTidemark } from '../src/index.ts'
import type { SessionHandle, Tidemark } from '../src/index.ts'
import { tokenHintMs, untoldRetryMs } from '../src/session/limits.ts'
import { holderOf } from '../src/session/session-holder.ts'
import { settle } from './support/settle.ts'
import { demand } from './support/stream-oracle.ts'
import { TestClient } from './support/test-client.ts'

const ms = fc.oneof(fc.integer({ min: 1, max: 2_000 }), fc.integer({ min: 1, max: 60_000 }))
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('renew' as const, 'move' as const),
      ms: fc.option(fc.integer({ min: 1, max: 90_000 }), { nil: undefined, freq: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('block' as const, 'unblock' as const, 'publish' as const),
    }),
  },
)
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

class World {
  readonly clock = createFakeClock()
  readonly client = new TestClient()
  readonly faults: unknown[] = []
  readonly tide: Tidemark = createTidemark({
    log: memoryLog({ clock: this.clock }),
    clock: this.clock,
    stalledAfterMs: 86_400_000,
  })
  hints = 0
  #session: SessionHandle | undefined
  #end: number | undefined
  #isTold = false
  #isBlocked = false
  /** Since when its socket has taken what it was given. */
  #freeSince = 0

  async open(lifeMs: number | undefined): Promise<void> {
    this.#moveEnd(lifeMs)
    this.client.onEvent = ({ type, data }) => {
      if (type === 'tidemark.token') this.#judge(data)
    }
    const subscription = parseSubscriptionBody({ topics: ['a'] })
    const grant = { user: 'ada', subscribe: ['a'], expiresAt: this.#end }
    const granted = { owner: holderOf(grant, {}) }
    this.#session = await this.tide.openGranted(this.client.connect(), subscription, granted)
    await settle()
  }

  get isOpen(): boolean {
    return this.tide.sessionCount === 1
  }

  async take(next: Step): Promise<void> {
    const session = this.#session
    if (session === undefined || !this.isOpen) return
    if (next.do === 'pass') this.#pass(next.ms)
    else if (next.do === 'block') this.#block()
    else if (next.do === 'unblock') this.#unblock()
    else if (next.do === 'publish') await this.tide.publish('a', { data: 'x' })
    else if ('ms' in next) {
      this.#moveEnd(next.ms)
      const isMoved =
        next.do === 'move'
          ? session.setExpiry(this.#end)
          : session.renew({ user: 'ada', subscribe: ['a'], expiresAt: this.#end })
      demand(await isMoved, 'the session is open after its end has moved')
    }
    await settle()
  }

  async finish(): Promise<void> {
    if (this.isOpen && this.#end !== undefined) {
      this.#unblock()
      await settle()
      this.#pass(this.#end - this.clock.now())
    }
    if (this.faults.length > 0) throw this.faults[0]
    await this.tide.close()
  }

  #moveEnd(lifeMs: number | undefined): void {
    const end = lifeMs === undefined ? undefined : this.clock.now() + lifeMs
    if (end !== this.#end) this.#isTold = false
    this.#end = end
  }

  #pass(passing: number): void {
    const end = this.#end ?? Infinity
    const before = this.clock.now()
    this.clock.advance(Math.min(passing, Math.max(0, end - before - 1)))
    demand(this.isOpen, 'a session is open until its end')
    const lateMs = this.clock.now() - Math.max(this.#freeSince, end - tokenHintMs)
    const isOwed = !this.#isBlocked && lateMs > untoldRetryMs
    if (isOwed) demand(this.#isTold, 'a client that takes events was told')
    const left = passing - (this.clock.now() - before)
    if (left === 0) return
    this.clock.advance(left)
    demand(this.isOpen === this.clock.now() < end, 'the end comes on time')
  }

  #block(): void {
    if (this.#isBlocked) return
    this.#isBlocked = true
    this.client.connection?.block()
  }

  #unblock(): void {
    if (!this.#isBlocked) return
    this.#isBlocked = false
    this.#freeSince = this.clock.now()
    this.client.connection?.unblock()
  }

  /** The engine takes what a sink throws for a fault of the sink. */
  #judge(data: string): void {
    try {
      this.hints += 1
      const { expiresInMs } = JSON.parse(data) as { readonly expiresInMs: number }
      demand(!this.#isTold, 'an end is told once')
      demand(expiresInMs <= tokenHintMs, 'an end is told in its last 30 s')
      demand(expiresInMs === (this.#end ?? 0) - this.clock.now(), 'the hint says what is left')
      this.#isTold = true
    } catch (error) {
      this.faults.push(error)
    }
  }
}

test('whatever moves an end and stops a socket, each end is told once at most and comes on time', async () => {
  let hints = 0
  const life = fc.option(fc.integer({ min: 1, max: 90_000 }), { nil: undefined })
  const check = fc.assert(
    fc.asyncProperty(life, fc.array(step, { maxLength: 40 }), async (lifeMs, steps) => {
      const world = new World()
      await world.open(lifeMs)
      for (const next of steps) await world.take(next)
      await world.finish()
      hints += world.hints
    }),
    { numRuns: modelRuns(500) },
  )
  await expect(check).resolves.toBeUndefined()
  expect(hints).toBeGreaterThan(modelRuns(300))
})
