// Many EventSources of one page over HTTP/2, where browsers' limit of six connections per origin does
// not bite.

import { waitUntil } from '@tidemark/testkit'
import type { Page } from 'puppeteer-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestHub } from './hubs.ts'
import { Browsers } from './tabs.ts'

/** Far more than the six connections that HTTP/1.1 has per origin. */
const sourceCount = 24

let browsers: Browsers
let hub: TestHub

beforeAll(async () => {
  // Browsers take the certificate that the hub signs itself, once they are told to.
  ;[browsers, hub] = await Promise.all([Browsers.launch(), TestHub.start('--tls=self-signed')])
})

afterAll(async () => {
  await browsers.close()
  await hub.remove()
})

interface Sources {
  /** By source: the data of its events. */
  readonly received: string[][]
  readyCount: number
}

/** Opens all sources on the page, each on a topic of its own. */
async function openSources(page: Page, prefix: string): Promise<void> {
  await page.evaluate(
    (topics) => {
      const sources: Sources = { received: topics.map(() => []), readyCount: 0 }
      for (const [i, topic] of topics.entries()) {
        const source = new EventSource(`/events?topic=${topic}`)
        source.addEventListener('tidemark.ready', () => (sources.readyCount += 1))
        source.addEventListener('message', ({ data }) => sources.received[i]?.push(data))
      }
      Object.assign(globalThis, { sources })
    },
    Array.from({ length: sourceCount }, (_, i) => `${prefix}/${i}`),
  )
}

function readSources(page: Page): Promise<Sources> {
  return page.evaluate(() => (globalThis as unknown as { sources: Sources }).sources)
}

/** Publishes to every source from the page itself, one POST after the other. */
async function publishToAll(page: Page, prefix: string, data: string): Promise<number[]> {
  return page.evaluate(
    async (topics, body) => {
      const statuses: number[] = []
      for (const topic of topics) {
        const response = await fetch(`/topics/${topic}`, { method: 'POST', body })
        statuses.push(response.status)
      }
      return statuses
    },
    Array.from({ length: sourceCount }, (_, i) => `${prefix}/${i}`),
    data,
  )
}

test('two dozen EventSources of one page are open at once, publish beside them, and resume after kill -9', async () => {
  const pages = await browsers.openPages(`${hub.url}/`)
  for (const [name, page] of pages) await openSources(page, name)
  for (const [name, page] of pages) {
    const protocol = await page.evaluate(() => {
      const [entry] = performance.getEntriesByType('navigation')
      return (entry as PerformanceNavigationTiming | undefined)?.nextHopProtocol
    })
    expect(protocol, name).toBe('h2')
    await waitUntil(`${name} has all its streams`, async () => {
      return (await readSources(page)).readyCount === sourceCount
    })
    const statuses = await publishToAll(page, name, 'before')
    expect(new Set(statuses), name).toEqual(new Set([200]))
    await waitUntil(`${name} has an event on each`, async () => {
      return (await readSources(page)).received.every((data) => data.includes('before'))
    })
  }
  await hub.kill('SIGKILL')
  await hub.startAgain()
  for (const [name, page] of pages) {
    let readyCount = 0
    await waitUntil(
      `${name} is back with all`,
      async () => (readyCount = (await readSources(page)).readyCount) === 2 * sourceCount,
      { watch: () => readyCount },
    )
    await publishToAll(page, name, 'after')
    await waitUntil(`${name} has the last event on each`, async () => {
      return (await readSources(page)).received.every((data) => data.includes('after'))
    })
    const { received } = await readSources(page)
    expect(received).toEqual(Array.from({ length: sourceCount }, () => ['before', 'after']))
  }
})
