// A plain EventSource in real browsers keeps its place: through a killed hub, a full one, a draining
// one, and retention.

import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { memoryLog } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import { createRandom, waitUntil } from '@tidemark/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestHub, publish, publishMany, readTopic } from './hubs.ts'
import { Browsers, each } from './tabs.ts'

let browsers: Browsers

beforeAll(async () => {
  browsers = await Browsers.launch()
})

afterAll(async () => {
  await browsers.close()
})

async function withHub(
  args: readonly string[],
  act: (hub: TestHub) => Promise<void>,
): Promise<void> {
  const hub = await TestHub.start(...args)
  try {
    await act(hub)
  } finally {
    await hub.remove()
  }
}

/** About 1 MiB of events is kept: some 5,000 small ones. */
const keepLittle = '--retention-max-bytes=1MiB'
/** Longer than any test. */
const noBeats = '--heartbeat=10m'

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i))

/** Takes one of the hub's places; answers how to give it back. */
async function occupy(url: string): Promise<() => void> {
  // Not `fetch`: a response that nobody holds on to is closed by the garbage collector.
  const request = get(`${url}/events?topic=other`)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  expect(response.statusCode).toBe(200)
  response.resume()
  // It ends with a hub that is killed, too.
  response.on('error', () => undefined)
  return () => request.destroy()
}

interface Site {
  readonly url: string
  /** Every request so far, in order, with the browser it came from. */
  readonly arrivals: readonly { readonly path: string; readonly from: string }[]
  /** Sends everybody away, and serves with a new node from then on. */
  readonly restart: () => Promise<void>
  /** Cuts every connection. */
  readonly blip: () => void
}

/**
 * Between the longest wait that `tidemark.ready` asks for, 3 s, and the goodbye's, 10 s. A stream with
 * this wait comes back after the one and before the other.
 */
const betweenWaitsMs = 6_500

/**
 * A site with a stream of its own, whose node can be replaced, and whose goodbyes ask for the longest
 * wait there is. At `/between` is a stream that always waits `betweenWaitsMs`.
 */
async function withSite(act: (site: Site) => Promise<void>): Promise<void> {
  const log = memoryLog()
  const seeded = createRandom(1)
  let isLeaving = false
  const random = (): number => (isLeaving ? 1 - 2 ** -32 : seeded.next())
  let tide = createTidemark({ authorize: 'everyone', log, random })
  const arrivals: { path: string; from: string }[] = []
  const server = createServer((request, response) => {
    const { url: path = '/', headers } = request
    arrivals.push({
      path,
      from: headers['user-agent']?.includes('Firefox') ? 'firefox' : 'chromium',
    })
    if (path.startsWith('/events')) void tide.subscribe(request, response)
    else if (path === '/between') {
      response.setHeader('Content-Type', 'text/event-stream')
      response.write(`retry: ${betweenWaitsMs}\nevent: tidemark.ready\ndata: {}\n\n`)
    } else response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>site</title>')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const restart = async (): Promise<void> => {
    isLeaving = true
    await tide.drain()
    isLeaving = false
    await tide.close()
    tide = createTidemark({ authorize: 'everyone', log, random })
  }
  const blip = (): void => server.closeAllConnections()
  try {
    const { port } = server.address() as AddressInfo
    await act({ url: `http://127.0.0.1:${port}`, arrivals, restart, blip })
  } finally {
    server.close()
    blip()
    await tide.close()
  }
}

// Most of the time a browser waits before it comes back, so the tests wait side by side.
describe.concurrent('a plain EventSource in Chromium and Firefox', () => {
  test.each([
    { heartbeat: '--heartbeat=200ms', hasBeats: true, place: 'a beat' },
    { heartbeat: noBeats, hasBeats: false, place: 'its only event or its beginning' },
  ])(
    'that idles while 100,000 events pass and retention drops them resumes exactly after kill -9, placed by $place',
    ({ heartbeat, hasBeats }) =>
      withHub([keepLittle, heartbeat], async (hub) => {
        const quiet = await browsers.listen(hub.url, '/events?topic=quiet')
        const silent = await browsers.listen(hub.url, '/events?topic=silent')
        const tabs = [...quiet, ...silent]
        await each(tabs, (tab) => tab.untilType('tidemark.ready'))
        await publish(hub.url, 'quiet', 'before')
        await each(quiet, (tab) => tab.untilPublished('before'))
        await publishMany(hub.url, ['noise/a', 'noise/b', 'noise/c'], numbers(100_000))
        if (hasBeats) {
          await each(tabs, async (tab) => {
            await tab.untilType('tidemark.beat', (await tab.count('tidemark.beat')) + 1)
          })
        }
        await waitUntil('retention has dropped what came first', async () => {
          const kept = await readTopic(hub.url, 'noise/a')
          return !kept.includes('60000') && (await readTopic(hub.url, 'quiet')).length === 0
        })
        await hub.kill('SIGKILL')
        await hub.startAgain()
        for (const topic of ['quiet', 'silent']) await publish(hub.url, topic, 'while away')
        await each(tabs, (tab) => tab.untilType('tidemark.ready', 2))
        for (const topic of ['quiet', 'silent']) await publish(hub.url, topic, 'after')
        await each(tabs, async (tab) => {
          await tab.untilPublished('after')
          const before = quiet.includes(tab) ? ['before'] : []
          expect(await tab.tell()).toMatchObject({
            browser: tab.browserName,
            published: [...before, 'while away', 'after'],
            beginnings: ['fresh', 'exact'],
            gaps: [],
            hasBeats,
          })
          await tab.close()
        })
      }),
  )

  test('that really fell off retention is told the gap once and then gets all that is left, none twice', () =>
    withHub([keepLittle, noBeats], async (hub) => {
      const tabs = await browsers.listen(hub.url, '/events?topic=busy')
      await each(tabs, (tab) => tab.untilType('tidemark.ready'))
      const cursor = await publish(hub.url, 'busy', 'before')
      await each(tabs, (tab) => tab.untilPublished('before'))
      await hub.kill('SIGKILL')
      await hub.byAnotherPort((url) => publishMany(url, ['busy'], numbers(60_000)))
      await hub.startAgain()
      await each(tabs, (tab) => tab.untilPublished('59999'))
      await publish(hub.url, 'busy', 'after')
      const left = await readTopic(hub.url, 'busy')
      await each(tabs, async (tab) => {
        await tab.untilPublished('after')
        const { published, order, ...story } = await tab.tell()
        const received = published.slice(1)
        expect(story).toMatchObject({
          browser: tab.browserName,
          beginnings: ['fresh', 'gap'],
          gaps: [{ from: cursor, to: expect.any(String), reason: 'retention' }],
        })
        expect(order.slice(2, 5)).toEqual(['tidemark.ready', 'tidemark.gap', 'message'])
        const first = Number(received[0])
        expect(first).toBeGreaterThan(0)
        expect(received).toEqual([...numbers(60_000).slice(first), 'after'])
        // The last event pushed older ones out, so a little less is left by now than was sent.
        expect(received.slice(-left.length)).toEqual(left)
        await tab.close()
      })
    }))

  test('whose cursor is garbage is told of a gap and stays open', () =>
    withHub([noBeats], async (hub) => {
      const tabs = await browsers.listen(hub.url, '/events?topic=quiet&lastEventId=garbage')
      await each(tabs, (tab) => tab.untilType('tidemark.gap'))
      await publish(hub.url, 'quiet', 'after')
      await each(tabs, async (tab) => {
        await tab.untilPublished('after')
        expect(await tab.tell()).toMatchObject({
          browser: tab.browserName,
          published: ['after'],
          beginnings: ['gap'],
          gaps: [{ from: null, to: expect.any(String), reason: 'cursor' }],
          isOpen: true,
        })
        await tab.close()
      })
    }))

  test('that finds the hub full comes back by itself when there is room', () =>
    withHub(['--max-sessions=2'], async (hub) => {
      const places = await Promise.all([occupy(hub.url), occupy(hub.url)])
      const tabs = await browsers.listen(hub.url, '/events?topic=quiet')
      await each(tabs, (tab) => tab.untilType('tidemark.bye'))
      for (const leave of places) leave()
      await each(tabs, (tab) => tab.untilType('tidemark.ready'))
      await publish(hub.url, 'quiet', 'for both')
      await each(tabs, async (tab) => {
        await tab.untilPublished('for both')
        const { byes, ...story } = await tab.tell()
        expect(story).toMatchObject({
          browser: tab.browserName,
          published: ['for both'],
          // The refusal carried the cursor of the moment it was refused.
          beginnings: ['exact'],
          isOpen: true,
        })
        expect(new Set(byes)).toEqual(new Set(['full']))
        await tab.close()
      })
    }))

  test('that was sent away once comes back from the next blip soon, not after the goodbye’s wait', () =>
    withSite(async ({ url, arrivals, restart, blip }) => {
      const tabs = await browsers.listen(url, '/events?topic=quiet')
      await each(tabs, (tab) => tab.untilType('tidemark.ready'))
      await restart()
      await each(tabs, (tab) => tab.untilType('tidemark.ready', 2))
      const others = await browsers.listen(url, '/between')
      await each(others, (other) => other.untilType('tidemark.ready'))
      const before = arrivals.length
      blip()
      await each(tabs, (tab) => tab.untilType('tidemark.ready', 3))
      await each(others, (other) => other.untilType('tidemark.ready', 2))
      await each(tabs, async (tab) => {
        // The same blip cut both streams of a browser, so their order tells, however long a busy
        // machine takes for either.
        const paths = arrivals.slice(before).filter(({ from }) => from === tab.browserName)
        expect(paths.map(({ path }) => path)).toEqual(['/events?topic=quiet', '/between'])
        expect(await tab.tell()).toMatchObject({
          browser: tab.browserName,
          beginnings: ['fresh', 'exact', 'exact'],
          byes: ['draining'],
        })
        await tab.close()
      })
      await each(others, (other) => other.close())
    }))

  test('that a draining hub sends away or refuses comes back and has missed nothing', () =>
    withHub([], async (hub) => {
      const tabs = await browsers.listen(hub.url, '/events?topic=quiet')
      await each(tabs, (tab) => tab.untilType('tidemark.ready'))
      await publish(hub.url, 'quiet', 'before')
      await each(tabs, (tab) => tab.untilPublished('before'))
      const late = await browsers.openTabs(hub.url)
      // At 1,000 sessions per second it takes the hub three seconds to leave, time enough to ask again.
      await Promise.all(Array.from({ length: 3_000 }, () => occupy(hub.url)))
      const ended = hub.kill('SIGTERM')
      await waitUntil('the hub drains', async () => {
        return (await fetch(`${hub.url}/readyz`)).status === 503
      })
      await each(late, (tab) => tab.listen('/events?topic=quiet'))
      await ended
      await hub.startAgain()
      await publish(hub.url, 'quiet', 'while away')
      await each(tabs, (tab) => tab.untilType('tidemark.ready', 2))
      await each(late, (tab) => tab.untilType('tidemark.ready'))
      await publish(hub.url, 'quiet', 'after')
      await each([...tabs, ...late], (tab) => tab.untilPublished('after'))
      for (const tab of [...tabs, ...late]) {
        const wasThere = tabs.includes(tab)
        const { byes, published, ...story } = await tab.tell()
        expect(story).toMatchObject({
          browser: tab.browserName,
          beginnings: wasThere ? ['fresh', 'exact'] : ['exact'],
          isOpen: true,
        })
        // A client that was told to come back early may have been sent away once more.
        expect(new Set(byes)).toEqual(new Set(['draining']))
        expect(published).toEqual([...(wasThere ? ['before'] : []), 'while away', 'after'])
        await tab.close()
      }
    }))
})
