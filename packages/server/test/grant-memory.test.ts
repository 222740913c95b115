// The memory that grants cost their sessions: nothing where there is none, and no more than a bound.

import type { IncomingMessage } from 'node:http'
import { memoryLog } from '@tidemark/log'
import { collectGarbage } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { parseSubscriptionBody } from '../src/hub/index.ts'
import type { Sink, SinkListener, Subscription } from '../src/hub/index.ts'
import { createTidemark } from '../src/index.ts'
import type { Grant, Tidemark } from '../src/index.ts'
import {
  claimsCharactersMax,
  permissionCharactersMax,
  permissionsMax,
} from '../src/session/limits.ts'
import { keepRequest } from '../src/node/describe-request.ts'
import { filterCharactersMax, filterTermsMax } from '../src/request/limits.ts'
import type { Granted } from '../src/request/stream-opener.ts'
import { readGrant } from '../src/request/read-grant.ts'
import { holderOf } from '../src/session/session-holder.ts'

class Silent implements Sink {
  listener: SinkListener | undefined
  write(): boolean {
    return true
  }
  end(): void {
    this.listener?.closed()
  }
  abort(): void {
    this.listener?.closed()
  }
  listen(listener: SinkListener): void {
    this.listener = listener
  }
}

const subscription = parseSubscriptionBody({ topics: ['a'] })

/** Bytes of heap per session; `granted` makes what each of them holds. Undefined: the application's own. */
async function measure(
  sessions: number,
  granted: ((index: number) => Granted) | undefined,
  asking: (index: number) => Subscription = () => subscription,
): Promise<number> {
  const tide = createTidemark({ log: memoryLog(), authorize: () => ({}), sessionsMax: 100_000 })
  onTestFinished(() => tide.close())
  await open(tide, 200, { granted, asking: () => subscription })
  collectGarbage()
  const before = process.memoryUsage().heapUsed
  await open(tide, sessions, { granted, asking })
  collectGarbage()
  const bytes = process.memoryUsage().heapUsed - before
  expect(tide.sessionCount).toBe(sessions + 200)
  return bytes / sessions
}

async function open(
  tide: Tidemark,
  sessions: number,
  {
    granted,
    asking,
  }: {
    readonly granted: ((index: number) => Granted) | undefined
    readonly asking: (index: number) => Subscription
  },
): Promise<void> {
  for (let i = 0; i < sessions; i++) {
    if (granted === undefined) await tide.open(new Silent(), asking(i))
    else await tide.openGranted(new Silent(), asking(i), granted(i))
  }
  // Greetings are written in turns of their own.
  await new Promise((resolve) => setImmediate(resolve))
}

const hold = (grant: Grant): Granted => ({ owner: holderOf(readGrant(grant), {}) })

test('a session whose grant says no more than topics costs what one without a grant costs', async () => {
  const without = await measure(20_000, undefined)
  const plain = await measure(20_000, () => hold({ subscribe: ['a'] }))
  expect(Math.abs(plain - without)).toBeLessThan(16)
  // Its trace, and what else a session without wishes has, take about 580.
  expect(without).toBeLessThan(640)
})

test('the longest permissions and claims cost their characters and little more', async () => {
  const base = await measure(1_000, () => hold({ subscribe: ['a'] }))
  const full = await measure(1_000, (index) => {
    const tail = 'x'.repeat(permissionCharactersMax - 16)
    const permissions = Array.from({ length: permissionsMax }, (_, i) =>
      flatten(`${String(index * 1_000 + i).padStart(16, '0')}${tail}`),
    )
    const claims = Object.fromEntries(
      Array.from({ length: 72 }, (_, i) => [`c${i}`, flatten(`${index}-${i}`.slice(-4))]),
    )
    return hold({ user: `user-${index}`, subscribe: ['a'], permissions, claims })
  })
  // As `docs/limits.md` multiplies them: one byte a character, 32 a text, and a map of claims.
  const permissionBytes = permissionsMax * (permissionCharactersMax + 32)
  expect(full - base).toBeLessThan(permissionBytes + 16 * claimsCharactersMax)
  expect(full - base).toBeGreaterThan(permissionsMax * permissionCharactersMax)
})

test('a request that is asked about again is kept with its headers, and nothing else of it', async () => {
  const headerBytes = 16 * 1024
  const base = await measure(500, () => hold({ subscribe: ['a'] }))
  const kept = await measure(500, (index) => {
    const cookie = flatten(`session=${index};${'x'.repeat(headerBytes)}`)
    const heavy = { method: 'GET', url: '/?topic=a', headers: { cookie }, body: 'y'.repeat(1e6) }
    const request = keepRequest(heavy as unknown as IncomingMessage)
    return { ...hold({ subscribe: ['a'] }), recheck: { request, afterMs: 60_000 } }
  })
  expect(kept - base).toBeGreaterThan(headerBytes)
  expect(kept - base).toBeLessThan(headerBytes + 2_048)
})

test('the longest filters cost their characters and little more, and those that sessions share nothing', async () => {
  const open = (index: number): Granted => {
    const length = Math.floor(filterCharactersMax / filterTermsMax)
    const values = Array.from({ length: filterTermsMax - 1 }, (_, i) =>
      flatten(`${index}-${i}`.padEnd(length, 'x')),
    )
    const where = { [`tag-${index}`]: values }
    const asked = parseSubscriptionBody({ topics: ['a'], where: { other: values } }).filter
    return { owner: { ...hold({ subscribe: ['a'], where }).owner, asked } }
  }
  const asking = (index: number): Subscription => ({
    ...subscription,
    filter: open(index).owner.asked,
  })
  const base = await measure(500, () => hold({ subscribe: ['a'] }))
  const full = await measure(500, open, asking)
  const shared = await measure(
    500,
    () => open(7),
    () => asking(7),
  )
  // As `docs/limits.md` multiplies them. Both in one are twice as long.
  expect(full - base).toBeLessThan(4 * (2 * filterCharactersMax + 100 * filterTermsMax))
  expect(full - base).toBeGreaterThan(4 * filterCharactersMax)
  expect(shared - base).toBeLessThan(512)
})

/** A text of its own, not a rope or a part of another one. */
function flatten(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
