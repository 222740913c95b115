// One idempotency key, a hundred times at once, over two workers of which one is killed in between.

import { request } from 'node:http'
import { createRandom, listChildren, startHubProcess, waitUntil } from '@tidemark/testkit'
import type { HubProcess } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { makeDirectory } from './support/test-hub.ts'

interface Sent {
  readonly status: number | undefined
  readonly text: string
}

/** On a connection of its own, so that any worker may get it. Undefined: the connection broke. */
function send(url: string, onSent: () => void): Promise<Sent | undefined> {
  return new Promise((resolve) => {
    const outgoing = request(`${url}/topics/a`, {
      method: 'POST',
      agent: false,
      headers: { 'Idempotency-Key': 'the-one' },
    })
    outgoing.once('error', () => resolve(undefined))
    outgoing.once('response', (response) => {
      let text = ''
      response.on('data', (chunk) => (text += String(chunk)))
      response.once('end', () => resolve({ status: response.statusCode, text }))
      response.once('error', () => resolve(undefined))
      response.once('close', () => resolve(undefined))
    })
    outgoing.end('the one', onSent)
  })
}

/** As a publisher that must not lose anything: the same key until there is an answer. */
async function insist(url: string, onSent: () => void): Promise<string> {
  for (let tries = 0; tries < 500; tries++) {
    const sent = await send(url, onSent)
    if (sent?.status === 200) return sent.text
    if (sent !== undefined && ![429, 503].includes(sent.status ?? 0)) return sent.text
    await new Promise((resolve) => setImmediate(resolve))
  }
  return 'no answer in 500 tries'
}

/** For the report of a hub that never gets its second worker. */
function tellState({ pid = 0, isEnded, output }: HubProcess): string {
  return `${isEnded ? 'ended' : 'runs'} with ${listChildren(pid).join()}; it wrote: ${output}`
}

test.each([1, 2, 3])(
  'a hundred requests with one key are one event, though a worker is killed among them (%i)',
  async (seed) => {
    const dataDirectory = await makeDirectory()
    const hub = await startHubProcess({ dataDirectory, args: ['--workers=2'] })
    onTestFinished(() => hub.stop())
    const workers = listChildren(hub.pid ?? 0)
    expect(workers).toHaveLength(2)
    const random = createRandom(seed)
    const killAfter = 1 + random.int(60)
    const victim = random.pick(workers)
    let sent = 0
    const onSent = (): void => {
      sent += 1
      if (sent === killAfter) process.kill(victim, 'SIGKILL')
    }
    const answers = await Promise.all(Array.from({ length: 100 }, () => insist(hub.url, onSent)))
    const cursors = new Set(
      answers.map((text) => (JSON.parse(text) as { cursor?: string }).cursor ?? text),
    )
    expect([...cursors]).toHaveLength(1)
    await waitUntil(
      'there are two workers again',
      () => {
        const now = listChildren(hub.pid ?? 0)
        return now.length === 2 && now.some((pid) => !workers.includes(pid))
      },
      { watch: () => `worker ${victim} of ${workers.join()} was killed: ${tellState(hub)}` },
    )
    const history = await fetch(`${hub.url}/topics/a`)
    const { records } = (await history.json()) as { records: { cursor: string; data: string }[] }
    expect(records.map(({ data, cursor }) => [data, cursor])).toEqual([
      ['the one', [...cursors][0]],
    ])
  },
)
