// A tab with a plain EventSource, and what it has seen.

import { browserNames, launchBrowser, waitUntil } from '@tidemark/testkit'
import type { BrowserName } from '@tidemark/testkit'
import type { Browser, Page } from 'puppeteer-core'

/** The report of a tab at the end of a test; `browser` is there to be named when a test fails. */
export interface Story {
  readonly browser: BrowserName
  /** The data of every event that somebody published, in the order of arrival. */
  readonly published: readonly string[]
  /** The `resumed` of each `tidemark.ready`. */
  readonly beginnings: readonly string[]
  readonly gaps: readonly unknown[]
  /** The reason of each `tidemark.bye`. */
  readonly byes: readonly string[]
  readonly hasBeats: boolean
  readonly isOpen: boolean
  /** The types of all events. */
  readonly order: readonly string[]
}

/** One event as a page's listener got it. */
interface SeenEvent {
  readonly type: string
  readonly id: string
  readonly data: string
}

/** Everything a hub sends by itself, and the types these tests publish. */
const listenedTypes = [
  'tidemark.ready',
  'tidemark.gap',
  'tidemark.beat',
  'tidemark.topics',
  'tidemark.bye',
  'message',
] as const

interface Ready {
  readonly session: string
  readonly resumed: string
}

interface Bye {
  readonly reason: string
}

interface Log {
  readonly seen: SeenEvent[]
  readonly source: EventSource
}

/** A page of the hub's own origin that does nothing but listen. */
export class Tab {
  readonly browserName: BrowserName
  readonly #page: Page

  constructor(browserName: BrowserName, page: Page) {
    this.browserName = browserName
    this.#page = page
  }

  /** Starts the one EventSource of this tab; from here on the page does nothing by itself. */
  async listen(path: string): Promise<void> {
    await this.#page.evaluate(
      (url, types) => {
        const seen: SeenEvent[] = []
        const source = new EventSource(url)
        for (const type of types) {
          source.addEventListener(type, ({ data, lastEventId }) =>
            seen.push({ type, id: lastEventId, data }),
          )
        }
        Object.assign(globalThis, { log: { seen, source } })
      },
      path,
      [...listenedTypes],
    )
  }

  /** Changes the topics of its stream from the page itself; resolves to the status of the answer. */
  async changeTopics(change: object): Promise<number> {
    const ready = (await this.#seen()).findLast(({ type }) => type === 'tidemark.ready')
    const { session } = JSON.parse(ready?.data ?? '{}') as Ready
    const body = JSON.stringify(change)
    return this.#page.evaluate(
      async (path, text) => (await fetch(path, { method: 'PATCH', body: text })).status,
      `/sessions/${session}`,
      body,
    )
  }

  /** All that was seen, told apart by what it is. */
  async tell(): Promise<Story> {
    const { seen, readyState } = await this.#page.evaluate(() => {
      const { log } = globalThis as unknown as { log: Log }
      return { seen: log.seen, readyState: log.source.readyState }
    })
    const of = (type: string): SeenEvent[] => seen.filter((event) => event.type === type)
    const parse = ({ data }: SeenEvent): unknown => JSON.parse(data)
    return {
      browser: this.browserName,
      published: of('message').map(({ data }) => data),
      beginnings: of('tidemark.ready').map((event) => (parse(event) as Ready).resumed),
      gaps: of('tidemark.gap').map(parse),
      byes: of('tidemark.bye').map((event) => (parse(event) as Bye).reason),
      hasBeats: of('tidemark.beat').length > 0,
      isOpen: readyState === 1,
      order: seen.map(({ type }) => type),
    }
  }

  async count(type: string): Promise<number> {
    return countOf(await this.#seen(), type)
  }

  /** Waits until `isMet` holds for what was seen; says which browser it was when it never does. */
  async until(what: string, isMet: (seen: readonly SeenEvent[]) => boolean): Promise<void> {
    let seen: readonly SeenEvent[] = []
    try {
      await waitUntil(
        `${this.browserName} ${what}`,
        async () => isMet((seen = await this.#seen())),
        { watch: () => seen.length },
      )
    } catch (error) {
      const types = seen.slice(-10).map(({ type, id, data }) => `${type} ${id} ${data}`)
      throw new Error(`The last it saw: ${types.join('; ') || 'nothing'}.`, { cause: error })
    }
  }

  untilType(type: string, count: number = 1): Promise<void> {
    return this.until(`sees ${count} × ${type}`, (seen) => countOf(seen, type) >= count)
  }

  untilPublished(data: string): Promise<void> {
    return this.until(`sees ${data}`, (seen) =>
      seen.some((event) => event.type === 'message' && event.data === data),
    )
  }

  close(): Promise<void> {
    return this.#page.close()
  }

  #seen(): Promise<readonly SeenEvent[]> {
    return this.#page.evaluate(() => (globalThis as unknown as { log: Log }).log.seen)
  }
}

function countOf(seen: readonly SeenEvent[], type: string): number {
  return seen.filter((event) => event.type === type).length
}

/** One Chromium and one Firefox for the tests of a file. */
export class Browsers {
  readonly #browsers: ReadonlyMap<BrowserName, Browser>

  private constructor(browsers: ReadonlyMap<BrowserName, Browser>) {
    this.#browsers = browsers
  }

  static async launch(): Promise<Browsers> {
    const browsers = new Map<BrowserName, Browser>()
    const starts = await Promise.allSettled(
      browserNames.map(async (name) => browsers.set(name, await launchBrowser(name))),
    )
    const launched = new Browsers(browsers)
    const failure = starts.find((start) => start.status === 'rejected')
    if (failure === undefined) return launched
    await launched.close()
    throw failure.reason
  }

  async openPage(name: BrowserName, url: string): Promise<Page> {
    // A window of its own: Firefox draws nothing in a tab behind another.
    const page = await this.#browsers.get(name)?.newPage({ type: 'window' })
    if (page === undefined) throw new Error(`${name} has not been launched.`)
    await page.goto(url)
    return page
  }

  /** A page at `url` in each browser. */
  async openPages(url: string): Promise<readonly (readonly [BrowserName, Page])[]> {
    return Promise.all(
      [...this.#browsers.keys()].map(async (name): Promise<readonly [BrowserName, Page]> => [
        name,
        await this.openPage(name, url),
      ]),
    )
  }

  /** A tab in each browser that does not listen yet. */
  async openTabs(hubUrl: string): Promise<readonly Tab[]> {
    // The hub's own page, without topics, opens no stream of its own.
    const pages = await this.openPages(`${hubUrl}/`)
    return pages.map(([name, page]) => new Tab(name, page))
  }

  /** A tab in each browser with a plain EventSource on `path`. */
  async listen(hubUrl: string, path: string): Promise<readonly Tab[]> {
    const tabs = await this.openTabs(hubUrl)
    await each(tabs, (tab) => tab.listen(path))
    return tabs
  }

  async close(): Promise<void> {
    await Promise.all([...this.#browsers.values()].map((browser) => browser.close()))
  }
}

/** Does the same in every tab at once. */
export async function each(
  tabs: readonly Tab[],
  act: (tab: Tab) => Promise<unknown>,
): Promise<void> {
  await Promise.all(tabs.map(act))
}
