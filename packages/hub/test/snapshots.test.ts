// Snapshots through a hub over HTTP/1.1 and HTTP/2. Its process is killed while the table comes, and keys are
// deleted over HTTP. The client has the table whole in the end.

import { once } from 'node:events'
import { request as requestHttp } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { askHttp, startHubProcess, waitUntil } from '@tidemark/testkit'
import type { HubProcess } from '@tidemark/testkit'
import { createDecoder } from '@tidemark/wire'
import { describe, expect, onTestFinished, test } from 'vitest'
import { KeyedClient } from '../../server/test/support/keyed-client.ts'
import { connectHttp2, request as requestHttp2 } from './support/http2.ts'
import { makeDirectory } from './support/test-hub.ts'

interface Asked {
  readonly method: string
  readonly path: string
  readonly body?: string
}

/** How a client speaks to the hub. */
interface Protocol {
  readonly name: string
  readonly args: readonly string[]
  readonly ask: (hub: HubProcess, asked: Asked) => Promise<number>
  readonly open: (hub: HubProcess, path: string, lastEventId: string) => Promise<Readable>
}

const plain: Protocol = {
  name: 'HTTP/1.1',
  args: [],
  ask: async ({ port }, asked) => (await askHttp(port, asked)).status,
  open: async ({ port }, path, lastEventId) => {
    const headers = { accept: 'text/event-stream', 'last-event-id': lastEventId }
    const asked = requestHttp({ port, host: '127.0.0.1', path, headers, agent: false }).end()
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    return answer
  },
}

const secure: Protocol = {
  name: 'HTTP/2',
  args: ['--tls=self-signed'],
  ask: async ({ port }, { method, path, body }) => {
    const session = connectHttp2(port)
    const { status } = await requestHttp2(session, { ':method': method, ':path': path }, body)
    session.close()
    return status
  },
  open: async ({ port }, path, lastEventId) =>
    connectHttp2(port).request({ ':path': path, 'last-event-id': lastEventId }),
}

/** More than all buffers on the way take, so that the kill comes while some of it is still in the hub. */
const keyCount = 6_000
const path = '/events?topic=prices/eu&fields=topic,key'

/** Lets a client read on until it has seen enough, and then nothing more. */
async function read(
  client: KeyedClient,
  source: Readable,
  { isEnough }: { readonly isEnough: () => boolean },
): Promise<void> {
  const { lastEventId } = client
  client.left = Infinity
  const decoder = createDecoder({ event: (event) => client.take(event) }, { lastEventId })
  source.on('error', () => undefined)
  source.on('data', (bytes: Buffer) => {
    decoder.push(bytes)
    if (isEnough()) source.pause()
  })
  await waitUntil('enough has come', isEnough, { watch: () => client.events.length })
}

describe.each([plain, secure])('over $name', ({ args, ask, open }) => {
  test('a client whose hub is killed while the table comes gets the rest of it from the next, and no deleted key', async () => {
    const dataDirectory = await makeDirectory()
    const start = async (port?: number): Promise<HubProcess> => {
      const hub = await startHubProcess({ dataDirectory, port, args })
      onTestFinished(() => hub.stop())
      return hub
    }
    const hub = await start()
    const rules = JSON.stringify([{ pattern: 'prices/**', latestBy: 'key' }])
    const put = { method: 'PUT', path: '/admin/rules/retention', body: rules }
    expect(await ask(hub, put)).toBe(200)
    for (let from = 0; from < keyCount; from += 2_000) {
      const events = Array.from({ length: 2_000 }, (_, i) => {
        const number = from + i + 1
        const data = `${number} ${'x'.repeat(3_000)}`
        return { topic: 'prices/eu', key: `k${number}`, data }
      })
      const body = JSON.stringify(events)
      expect(await ask(hub, { method: 'POST', path: '/publish', body })).toBe(200)
    }
    const client = new KeyedClient({
      asked: ['prices/eu'],
      numberOf: (data) => Number(data.split(' ')[0]),
    })
    const cut = await open(hub, path, '')
    await read(client, cut, { isEnough: () => client.table.size >= 10 })
    await hub.kill('SIGKILL')
    // Nothing of what is still on its way reaches it.
    cut.destroy()
    expect(client.isInSnapshot).toBe(true)
    expect(client.table.size).toBeLessThan(keyCount)
    const next = await start(hub.port)
    for (const key of ['k1', `k${keyCount}`]) {
      const deletion = { method: 'DELETE', path: `/topics/prices/eu/keys/${key}` }
      expect(await ask(next, deletion)).toBe(200)
    }
    const moved = {
      method: 'POST',
      path: '/topics/prices/eu?key=k2',
      body: `${keyCount + 1} moved`,
    }
    expect(await ask(next, moved)).toBe(200)
    const back = await open(next, path, client.lastEventId)
    await read(client, back, { isEnough: () => client.counts.snapshots === 1 })
    back.resume()
    const live = { method: 'POST', path: '/topics/prices/eu?key=new', body: `${keyCount + 2} live` }
    expect(await ask(next, live)).toBe(200)
    const { table, counts, faults } = client
    await waitUntil('it is live', () => table.has('prices/eu\nnew'))
    expect(faults).toEqual([])
    expect(counts).toMatchObject({ snapshots: 1, resumed: 1, gaps: 0 })
    expect(table.size).toBe(keyCount - 2 + 1)
    expect(table.get('prices/eu\nk2')).toBe(`${keyCount + 1} moved`)
    expect(table.has('prices/eu\nk1')).toBe(false)
    expect(table.has(`prices/eu\nk${keyCount}`)).toBe(false)
    expect(client.lastEventId).not.toContain('~')
    back.destroy()
  })
})
