// The hub's own page in real browsers: what a person sees and does there.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { browserNames, waitUntil } from '@tidemark/testkit'
import type { Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestHub, publish, publishMany } from './hubs.ts'
import { Browsers } from './tabs.ts'

const program = fileURLToPath(new URL('../../../cli/dist/main.js', import.meta.url))
const artifacts = fileURLToPath(new URL('../../../../artifacts/', import.meta.url))

let browsers: Browsers
let hub: TestHub

beforeAll(async () => {
  ;[browsers, hub] = await Promise.all([
    Browsers.launch(),
    TestHub.start('--heartbeat=200ms'),
    mkdir(artifacts, { recursive: true }),
  ])
})

afterAll(async () => {
  await Promise.all([browsers.close(), hub.remove()])
})

/**
 * Pipes a file that may still grow into `tidemark publish --lines`, as a person would; answers how to
 * stop it.
 */
function publishGrowingFile(file: string, topic: string): () => Promise<void> {
  const tail = spawn('tail', ['-n', '+1', '-F', file], { stdio: ['ignore', 'pipe', 'ignore'] })
  const publisher = spawn(
    process.execPath,
    [program, 'publish', '--lines', `--url=${hub.url}`, topic],
    { stdio: [tail.stdout, 'ignore', 'inherit'] },
  )
  const ended = once(publisher, 'close')
  return async () => {
    // The end of its input ends the publisher.
    tail.kill()
    await ended
  }
}

interface Watcher {
  /** The data lines it has printed so far. */
  data(): string[]
  stop(): Promise<void>
}

/** Watches a topic with `curl -N`, as the hub's own greeting says; answers once it is connected. */
async function watchWithCurl(topic: string): Promise<Watcher> {
  const child = spawn('curl', ['-sN', `${hub.url}/events?topic=${topic}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  await waitUntil('curl is connected', () => text.includes('event: tidemark.ready'))
  return {
    data: () =>
      text
        .split('\n\n')
        .slice(0, -1)
        .filter((event) => !event.includes('event: tidemark.'))
        .flatMap((event) => event.split('\n'))
        .filter((line) => line.startsWith('data: '))
        .map((line) => line.slice('data: '.length)),
    stop: async () => {
      child.kill()
      await ended
    },
  }
}

function readRows(page: Page): Promise<string[]> {
  return page.$$eval('#rows .data', (cells) => cells.map((cell) => cell.textContent ?? ''))
}

function textOf(page: Page, selector: string): Promise<string> {
  return page.$eval(selector, (element) => element.textContent ?? '')
}

function untilShown(page: Page, selector: string): Promise<void> {
  return waitUntil(`${selector} is shown`, async () => (await page.$(selector)) !== null)
}

function untilState(page: Page, state: string): Promise<void> {
  return untilShown(page, `#state[data-state=${state}]`)
}

const lastData = '#rows li:last-child .data'

async function untilLast(page: Page, data: string): Promise<void> {
  await waitUntil(`${data} is the last`, async () => {
    const cell = await page.$(lastData)
    return cell !== null && (await textOf(page, lastData)) === data
  })
}

function untilRows(page: Page, count: number): Promise<void> {
  return waitUntil(`${count} rows are shown`, async () => (await readRows(page)).length === count)
}

async function fillPublish(page: Page, texts: Readonly<Record<string, string>>): Promise<void> {
  for (const [id, text] of Object.entries(texts)) {
    await page.$eval(`#${id}`, (field) => ((field as HTMLInputElement).value = ''))
    if (text !== '') await page.type(`#${id}`, text)
  }
  await page.click('#publish button')
}

/** Lines `from` to before `to` of a web server's log. */
function lines(from: number, to: number): string {
  const paths = ['/', '/pricing', '/docs/resume', '/orders/42', '/favicon.ico']
  let text = ''
  for (let i = from; i < to; i++) {
    text += `203.0.113.${10 + i} "GET ${paths[i % paths.length]}" 200 ${900 + i * 37}\n`
  }
  return text
}

/** For people to look at; git does not keep them. */
async function takeScreenshots(page: Page): Promise<void> {
  const shoot = (name: string, isWhole = false): Promise<unknown> =>
    page.screenshot({ path: join(artifacts, `page-${name}.png`), fullPage: isWhole })
  await shoot('light')
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }])
  await shoot('dark')
  await page.setViewport({ width: 390, height: 844 })
  await shoot('narrow', true)
}

describe('the page in Chromium', () => {
  test('shows the lines of a growing file as they are written, as curl -N does, and what is typed into its form', async () => {
    const page = await browsers.openPage('chromium', `${hub.url}/?topics=logs/access,orders/*`)
    await page.setViewport({ width: 1200, height: 720 })
    await untilState(page, 'open')
    const curl = await watchWithCurl('logs/access')
    const file = join(hub.dataDirectory, 'access.txt')
    await writeFile(file, lines(0, 4))
    const stop = publishGrowingFile(file, 'logs/access')
    await untilRows(page, 4)
    await appendFile(file, lines(4, 9))
    await untilRows(page, 9)
    await waitUntil('curl has 9 lines', () => curl.data().length === 9)
    await stop()
    await curl.stop()
    expect(`${(await readRows(page)).join('\n')}\n`).toBe(lines(0, 9))
    expect(`${curl.data().join('\n')}\n`).toBe(lines(0, 9))

    await fillPublish(page, {
      topic: 'orders/42',
      type: 'paid',
      data: '{"total": 12.50, "key": "a:b"}',
    })
    await untilShown(page, '#answer[data-kind=good]')
    await untilRows(page, 10)
    // A number stays as it was published.
    expect(await textOf(page, lastData)).toBe('{ "total": 12.50, "key": "a:b" }')
    expect(await textOf(page, '#rows li:last-child .name')).toBe('orders/42 paid')
    expect(await textOf(page, '#answer')).toContain('1 session')
    expect(await textOf(page, '#count')).toBe('10 events')
    await waitUntil('a beat is seen', async () => (await textOf(page, '#beat')).startsWith('last'))
    await takeScreenshots(page)
    await page.close()
  })
})

describe.each(browserNames)('the page in %s', (browser) => {
  const open = async (query: string, state = 'open'): Promise<Page> => {
    const page = await browsers.openPage(browser, `${hub.url}/${query}`)
    await untilState(page, state)
    return page
  }

  test('shows markup in an event as text', async () => {
    const page = await open(`?topics=${browser}/markup`)
    const markup = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    await publish(hub.url, `${browser}/markup`, markup)
    await publish(hub.url, `${browser}/markup`, JSON.stringify({ '<b>': '</pre><i>' }))
    await untilRows(page, 2)
    expect(await readRows(page)).toEqual([markup, '{ "<b>": "</pre><i>" }'])
    expect(await page.$$('#rows img, #rows script, #rows i, #rows b')).toEqual([])
    await page.close()
  })

  test('keeps the newest 500 rows, holds events back while paused, and clears', async () => {
    const topic = `${browser}/many`
    const page = await open(`?topics=${topic}`)
    const all = Array.from({ length: 1_200 }, (_, i) => `line ${i}`)
    await publishMany(hub.url, [topic], all)
    await untilLast(page, 'line 1199')
    expect(await readRows(page)).toEqual(all.slice(-500))
    expect(await textOf(page, '#count')).toContain('the newest 500 shown')
    await page.click('#pause')
    await publish(hub.url, topic, 'while paused')
    await waitUntil('one is held back', async () =>
      (await textOf(page, '#count')).endsWith(', 1 held back'),
    )
    expect(await textOf(page, lastData)).toBe('line 1199')
    await page.click('#pause')
    await untilLast(page, 'while paused')
    await page.click('#clear')
    await untilRows(page, 0)
    await page.close()
  })

  test('keeps the topics in its address, through a reload and the back button', async () => {
    const page = await open('', 'idle')
    await page.type('#topics', `${browser}/a, ${browser}/b/*`)
    await page.select('#since', '-10')
    await page.click('#watch button')
    await untilState(page, 'open')
    expect(new URL(page.url()).search).toBe(`?topics=${browser}/a,${browser}/b/*&since=-10`)
    await page.reload()
    await untilState(page, 'open')
    expect(await page.$eval('#topics', (field) => (field as HTMLInputElement).value)).toBe(
      `${browser}/a ${browser}/b/*`,
    )
    await page.evaluate(() => history.back())
    await untilState(page, 'idle')
    await page.close()
  })

  test('says in the hub’s words why a topic is refused, to watch and to publish', async () => {
    const page = await open('?topics=a//b', 'refused')
    await waitUntil('the reason is shown', async () =>
      (await textOf(page, '#rows')).includes('it has an empty segment'),
    )
    await fillPublish(page, { topic: 'a/../b', type: '', data: 'lost' })
    await untilShown(page, '#answer[data-kind=bad]')
    expect(await textOf(page, '#answer')).toContain('"a/../b" is not a valid topic')
    await page.close()
  })
})

// Most of it is waiting for the browser to try again, so they wait side by side.
describe.concurrent.each(browserNames)('the page in %s, when its hub dies,', (browser) => {
  /** Kills the hub under a page that has shown one event. */
  async function withDeadHub(act: (page: Page, mortal: TestHub) => Promise<void>): Promise<void> {
    const mortal = await TestHub.start()
    try {
      const page = await browsers.openPage(browser, `${mortal.url}/?topics=news`)
      await untilState(page, 'open')
      await publish(mortal.url, 'news', 'before')
      await untilRows(page, 1)
      await mortal.kill('SIGKILL')
      await untilState(page, 'waiting')
      await act(page, mortal)
      await page.close()
    } finally {
      await mortal.remove()
    }
  }

  test('comes back by itself and goes on exactly', () =>
    withDeadHub(async (page, mortal) => {
      await mortal.startAgain()
      await publish(mortal.url, 'news', 'while away')
      await untilState(page, 'open')
      await untilRows(page, 2)
      expect(await readRows(page)).toEqual(['before', 'while away'])
      expect(await textOf(page, '#rows .note')).toContain('exactly where it left off')
    }))

  test('shows a gap when its events are gone', () =>
    withDeadHub(async (page, mortal) => {
      await mortal.forgetData()
      await mortal.startAgain()
      await untilState(page, 'open')
      await untilShown(page, '#rows .gap')
      expect(await textOf(page, '#rows .gap')).toContain('the cursor belongs to another history')
    }))
})
