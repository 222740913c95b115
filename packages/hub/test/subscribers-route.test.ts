// Rules `subscribers` hold for all workers of a hub together, also when one of them is killed.

import { once } from 'node:events'
import { get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { listChildren, startHubProcess, waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { makeDirectory } from './support/test-hub.ts'

const max = 12

/** Streams of a topic, each on a connection of its own. */
class Streams {
  readonly #url: string
  readonly open = new Set<IncomingMessage>()

  constructor(url: string) {
    this.#url = url
    onTestFinished(() => {
      for (const { socket } of this.open) socket.destroy()
    })
  }

  /** The status; 0 where the worker that was asked has died. */
  async add(): Promise<number> {
    const headers = { accept: 'text/event-stream, application/problem+json' }
    const request = get(`${this.#url}/events?topic=rooms/1`, { headers, agent: false })
    request.on('error', () => undefined)
    try {
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      const { statusCode = 0 } = response
      response.on('error', () => undefined).resume()
      if (statusCode !== 200) return statusCode
      this.open.add(response)
      response.once('close', () => this.open.delete(response))
      return statusCode
    } catch {
      return 0
    }
  }

  async addMany(count: number): Promise<readonly number[]> {
    return Promise.all(Array.from({ length: count }, () => this.add()))
  }

  /** Tries one more at a time until there are as many as may be. */
  async fill(): Promise<void> {
    await waitUntil('there are as many as may be', async () => {
      if (this.open.size < max) await this.add()
      return this.open.size === max
    })
  }
}

test('two workers let in as many together as the rule allows, and make room for those of a killed one', async () => {
  const dataDirectory = await makeDirectory()
  const hub = await startHubProcess({ dataDirectory, args: ['--workers=2', '--data=data'] })
  onTestFinished(() => hub.stop())
  const body = JSON.stringify([{ pattern: 'rooms/*', max }])
  const put = await fetch(`${hub.url}/admin/rules/subscribers`, { method: 'PUT', body })
  expect(put.status).toBe(200)
  const streams = new Streams(hub.url)
  // All at once: what both workers have let in beyond the rule ends a moment later.
  const statuses = await streams.addMany(40)
  expect(new Set(statuses)).toEqual(new Set([200, 503]))
  await waitUntil('what is beyond the rule has ended', () => streams.open.size <= max)
  await streams.fill()
  expect(await streams.addMany(16)).toEqual(Array.from({ length: 16 }, () => 503))
  const [worker] = listChildren(hub.pid ?? 0)
  if (worker === undefined) throw new Error('The hub has two workers.')
  process.kill(worker, 'SIGKILL')
  await waitUntil('the streams of that worker have ended', () => streams.open.size < max)
  await streams.fill()
  await waitUntil('each worker knows that the topic is full', async () => {
    const answers = await streams.addMany(8)
    return answers.every((status) => status === 503)
  })
  expect(streams.open.size).toBeLessThanOrEqual(max)
})
