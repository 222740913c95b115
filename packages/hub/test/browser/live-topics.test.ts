// A plain EventSource in real browsers whose topics were changed while it was open goes on with them,
// whatever happens to its hub.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestHub, publish } from './hubs.ts'
import { Browsers, each } from './tabs.ts'

let browsers: Browsers

beforeAll(async () => {
  browsers = await Browsers.launch()
})

afterAll(async () => {
  await browsers.close()
})

test('a plain EventSource whose topics were changed goes on with them after kill -9, again and again, and nothing is lost or doubled', async () => {
  const hub = await TestHub.start('--heartbeat=10m')
  try {
    const tabs = await browsers.listen(hub.url, '/events?topic=first')
    await each(tabs, (tab) => tab.untilType('tidemark.ready'))
    await publish(hub.url, 'first', 'first 0')
    await publish(hub.url, 'second', 'second 0')
    await each(tabs, async (tab) => {
      const change = { add: ['second', 'third/*'], remove: ['first'], since: 'earliest' }
      expect(await tab.changeTopics(change)).toBe(204)
      await tab.untilPublished('second 0')
    })
    await hub.kill('SIGKILL')
    await hub.byAnotherPort(async (url) => {
      for (const topic of ['first', 'second', 'third/1']) await publish(url, topic, `${topic} 1`)
    })
    await hub.startAgain()
    await each(tabs, (tab) => tab.untilPublished('third/1 1'))
    await each(tabs, async (tab) => {
      expect(await tab.changeTopics({ add: ['first'], remove: ['second'] })).toBe(204)
      await tab.untilType('tidemark.topics', 2)
    })
    await hub.kill('SIGKILL')
    await hub.startAgain()
    await each(tabs, (tab) => tab.untilType('tidemark.ready', 3))
    for (const topic of ['second', 'third/2', 'first']) await publish(hub.url, topic, `${topic} 2`)
    await each(tabs, async (tab) => {
      await tab.untilPublished('first 2')
      expect(await tab.tell()).toMatchObject({
        browser: tab.browserName,
        published: ['first 0', 'second 0', 'second 1', 'third/1 1', 'third/2 2', 'first 2'],
        beginnings: ['fresh', 'exact', 'exact'],
        gaps: [],
        isOpen: true,
      })
      await tab.close()
    })
  } finally {
    await hub.remove()
  }
})
