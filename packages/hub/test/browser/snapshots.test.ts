// A page in real browsers that keeps a table of keys with a plain EventSource. It is the same as that of the
// hub, whenever the hub is killed and whatever happens to keys meanwhile.

import { waitUntil } from '@tidemark/testkit'
import type { Page } from 'puppeteer-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestHub } from './hubs.ts'
import { Browsers } from './tabs.ts'

/** The page's own state. */
interface Kept {
  readonly table: Record<string, string>
  readonly brackets: readonly string[]
  readonly readies: readonly string[]
  readonly gaps: number
}

let browsers: Browsers

beforeAll(async () => {
  browsers = await Browsers.launch()
})

afterAll(async () => {
  await browsers.close()
})

/** All code of the page, as PROTOCOL.md tells one to do. */
function keepTable(url: string): void {
  const table: Record<string, string> = {}
  const brackets: string[] = []
  const readies: string[] = []
  const kept = { table, brackets, readies, gaps: 0 }
  let seen = new Set<string>()
  const source = new EventSource(url)
  const on = (type: string, take: (data: { [name: string]: string }) => void): void =>
    source.addEventListener(type, (event) => take(JSON.parse(event.data as string)))
  on('tidemark.snapshot', ({ phase = '' }) => {
    brackets.push(phase)
    if (phase === 'begin') seen = new Set()
    else for (const key of Object.keys(table)) if (!seen.has(key)) delete table[key]
  })
  on('tidemark.deleted', ({ key = '' }) => {
    delete table[key]
  })
  on('message', ({ key = '', data = '' }) => {
    table[key] = data.slice(0, 20)
    seen.add(key)
  })
  on('tidemark.ready', ({ resumed = '' }) => readies.push(resumed))
  on('tidemark.gap', () => (kept.gaps += 1))
  Object.assign(globalThis, { kept })
}

const keptBy = (page: Page): Promise<Kept> =>
  page.evaluate(() => (globalThis as unknown as { kept: Kept }).kept)

async function publish(url: string, events: readonly object[]): Promise<void> {
  const answer = await fetch(`${url}/publish`, { method: 'POST', body: JSON.stringify(events) })
  expect(answer.status).toBe(200)
}

test('a page with a plain EventSource has the table of its topic, over kill -9 in a snapshot and deletions while it was away', async () => {
  const hub = await TestHub.start('--heartbeat=10m')
  try {
    const put = { method: 'PUT', body: JSON.stringify([{ pattern: 'prices/*', latestBy: 'key' }]) }
    expect((await fetch(`${hub.url}/admin/rules/retention`, put)).status).toBe(200)
    // More than a browser takes before the kill.
    const keys = Array.from({ length: 6_000 }, (_, i) => `k${i}`)
    for (let from = 0; from < keys.length; from += 2_000)
      await publish(
        hub.url,
        keys.slice(from, from + 2_000).map((key) => {
          return { topic: 'prices/eu', key, data: `${key} first ${'x'.repeat(3_000)}` }
        }),
      )
    const pages = await browsers.openPages(`${hub.url}/`)
    const path = '/events?topic=prices/eu&framing=envelope'
    for (const [, page] of pages) await page.evaluate(keepTable, path)
    const until = async (what: string, isMet: (kept: Kept) => boolean): Promise<void> => {
      for (const [name, page] of pages)
        await waitUntil(`${name} ${what}`, async () => isMet(await keptBy(page)))
    }
    await until('has begun', ({ table }) => Object.keys(table).length > 0)
    await hub.kill('SIGKILL')
    await hub.byAnotherPort(async (url) => {
      for (const key of ['k0', 'k5999'])
        expect(
          (await fetch(`${url}/topics/prices/eu/keys/${key}`, { method: 'DELETE' })).status,
        ).toBe(200)
      await publish(url, [{ topic: 'prices/eu', key: 'k1', data: 'k1 moved' }])
    })
    await hub.startAgain()
    await until('has all', ({ brackets }) => brackets.at(-1) === 'end')
    await hub.kill('SIGKILL')
    await hub.byAnotherPort(async (url) => {
      await fetch(`${url}/topics/prices/eu/keys/k2`, { method: 'DELETE' })
    })
    await hub.startAgain()
    await until('has heard of the deletion', ({ table }) => !('k2' in table))
    await publish(hub.url, [{ topic: 'prices/eu', key: 'k3', data: 'k3 live' }])
    await until('is live', ({ table }) => table['k3'] === 'k3 live')
    const wanted = Object.fromEntries(
      keys
        .filter((key) => !['k0', 'k2', 'k5999'].includes(key))
        .map((key) => [key, `${key} first ${'x'.repeat(20)}`.slice(0, 20)]),
    )
    const table = { ...wanted, k1: 'k1 moved', k3: 'k3 live' }
    for (const [name, page] of pages) {
      const kept = await keptBy(page)
      expect({ name, ...kept, readies: kept.readies.at(-1) }).toEqual({
        name,
        table,
        brackets: ['begin', 'end'],
        readies: 'exact',
        gaps: 0,
      })
      await page.close()
    }
  } finally {
    await hub.remove()
  }
})
