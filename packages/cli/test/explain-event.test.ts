// `tidemark explain --event … --session …` against a real hub.

import { expect, onTestFinished, test } from 'vitest'
import { run, startHub } from './program.ts'

/** The id of an open stream. */
async function openStream(url: string, topic: string): Promise<string> {
  const leaving = new AbortController()
  onTestFinished(() => leaving.abort())
  const stream = await fetch(`${url}/events?topic=${topic}`, { signal: leaving.signal })
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader()
  let said = ''
  for (;;) {
    said += (await reader?.read())?.value ?? ''
    const id = /"session":"([^"]+)"/.exec(said)?.[1]
    if (id !== undefined) return id
  }
}

test('it says by which pattern a session got an event and when, and why it did not get another', async () => {
  const { url, env } = await startHub()
  const reading = await openStream(url, 'orders/*')
  const { stdout } = await run(['publish', 'orders/42', 'secret', '--key', 'k'], { env })
  const args = ['explain', '--event', stdout.trim(), '--session', reading]
  const first = await run(args, { env })
  expect(first).toMatchObject({ code: 0, stderr: '' })
  expect(first.stdout).toMatch(/^verdict +delivered\nevent +orders\/42, type message, key k, \d{4}/)
  expect(first.stdout).toMatch(/\nmatched by +orders\/\*\nwritten +\d{4}-/)
  expect(first.stdout).not.toContain('secret')
  const news = await run(['publish', 'news', 'x'], { env })
  const other = [
    'explain',
    '--hub',
    url,
    '--event',
    news.stdout.trim(),
    '--session',
    reading,
    '--json',
  ]
  const second = await run(other)
  expect(JSON.parse(second.stdout)).toMatchObject({
    verdict: 'not-matched',
    record: { topic: 'news' },
  })
})

test.each<[readonly string[], number, RegExp]>([
  [['--event', '1a-1'], 64, /go together.*\(OPTION_INVALID\)/],
  [['--session', 'x'], 64, /go together.*\(OPTION_INVALID\)/],
  [
    ['--event', 'x', '--session', 'x', '--token', 'y'],
    64,
    /--token does not go.*\(OPTION_INVALID\)/,
  ],
  [['--event', 'x', '--session', 'x'], 65, /400 QUERY_INVALID.*\(HUB_REFUSED\)/],
  [
    ['--event', '1mjve7pc0c0rd6hy0000-1', '--session', 'x'],
    65,
    /404 SESSION_NOT_FOUND.*\(HUB_REFUSED\)/,
  ],
])('explain %j ends with %i and says why', async (args, code, message) => {
  const { env } = await startHub()
  const answer = await run(['explain', ...args], { env })
  expect(answer).toMatchObject({ code, stdout: '' })
  expect(answer.stderr).toMatch(message)
})
