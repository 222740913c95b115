// A data directory that somebody removes, moves or replaces under a running hub.

import { cp, mkdir, readdir, rename, rm, stat, symlink, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { openLmdbLog } from '@tidemark/log-lmdb'
import { parseTopic } from '@tidemark/log'
import { createFakeClock, listChildren, startHubProcess, waitUntil } from '@tidemark/testkit'
import type { HubProcess } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openLiveStream } from './support/live-stream.ts'
import { makeDirectory } from './support/test-hub.ts'

interface Scene {
  readonly hub: HubProcess
  /** The directory the hub was given: a symbolic link to `first`. */
  readonly data: string
  readonly first: string
  readonly second: string
}

async function start(args: readonly string[] = []): Promise<Scene> {
  const home = await makeDirectory()
  const [data, first, second] = [join(home, 'data'), join(home, 'first'), join(home, 'second')]
  await mkdir(first)
  await symlink(first, data)
  // Not the data directory: that of a process that runs is not its working directory, as a rule.
  const hub = await startHubProcess({ dataDirectory: home, args: [`--data=${data}`, ...args] })
  onTestFinished(() => hub.stop())
  return { hub, data, first, second }
}

/** On a connection of its own, so that any worker may get it. */
async function publish({ url }: HubProcess, body: string): Promise<string> {
  const headers = { Connection: 'close' }
  const sent = fetch(`${url}/topics/a`, { method: 'POST', body, headers })
  // A worker that is killed takes its connections with it.
  const response = await sent.catch(() => undefined)
  if (response === undefined) return 'cut off'
  const answer = (await response.json()) as { readonly code?: string }
  return response.ok ? 'stored' : `${response.status} ${answer.code}`
}

interface Ready {
  readonly status: number
  readonly code?: string
  readonly warnings?: readonly string[]
}

async function askReady({ url }: HubProcess): Promise<Ready> {
  const response = await fetch(`${url}/readyz`, { headers: { Connection: 'close' } })
  return { ...((await response.json()) as object), status: response.status }
}

async function makeOtherLog(directory: string): Promise<void> {
  const log = await openLmdbLog({ directory })
  await log.append({ events: [{ topic: parseTopic('a'), data: 'of another log' }] })
  await log.close()
}

const refused = '503 LOG_DIRECTORY_LOST'

const acts: readonly { readonly name: string; readonly act: (scene: Scene) => Promise<void> }[] = [
  { name: 'removed', act: ({ first }) => rm(first, { recursive: true }) },
  { name: 'moved away', act: ({ first, second }) => rename(first, second) },
  {
    name: 'moved away, with another log in its place',
    act: async ({ first, second }) => {
      await makeOtherLog(second)
      await rename(first, `${first}.away`)
      await rename(second, first)
    },
  },
  {
    name: 'replaced by its own copy',
    act: async ({ first, second }) => {
      await cp(first, second, { recursive: true })
      await rename(first, `${first}.away`)
      await rename(second, first)
    },
  },
  {
    name: 'switched by its symbolic link',
    act: async ({ data, second }) => {
      await makeOtherLog(second)
      await symlink(second, `${data}.new`)
      await rename(`${data}.new`, data)
    },
  },
  { name: 'robbed of its lock file', act: ({ first }) => unlink(join(first, 'lock.mdb')) },
]

describe.each(acts)('a directory that is $name', ({ act }) => {
  test('takes no event of a hub of one process, and readiness says so', async () => {
    const scene = await start()
    const { hub } = scene
    const stream = await openLiveStream(hub.port, 'topic=a')
    expect(await publish(hub, 'kept')).toBe('stored')
    await act(scene)
    for (let i = 0; i < 5; i++) expect(await publish(hub, `refused ${i}`)).toBe(refused)
    await waitUntil('readiness says so', async () => (await askReady(hub)).status === 503)
    expect((await askReady(hub)).code).toBe('LOG_DIRECTORY_LOST')
    expect(hub.output.split('Nothing is stored: the data directory')).toHaveLength(2)
    expect(stream.data).toEqual(['kept'])
    expect((await fetch(`${hub.url}/livez`)).status).toBe(200)
  })

  test('gets no second history from a worker that is replaced', async () => {
    const scene = await start(['--workers', '2'])
    const { hub } = scene
    const streams = await Promise.all([1, 2, 3, 4].map(() => openLiveStream(hub.port, 'topic=a')))
    const stored: string[] = []
    const publishSome = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const data = `event ${stored.length}`
        if ((await publish(hub, data)) === 'stored') stored.push(data)
      }
    }
    await publishSome(5)
    await act(scene)
    const [worker = 0] = listChildren(hub.pid ?? 0)
    process.kill(worker, 'SIGKILL')
    await publishSome(10)
    await waitUntil('a replacement is refused', () => /worker 1 .*cannot start/.test(hub.output))
    await publishSome(10)
    expect(stored).toEqual(Array.from({ length: 5 }, (_, i) => `event ${i}`))
    expect((await askReady(hub)).code).toBe('LOG_DIRECTORY_LOST')
    // Subscribers of the other worker have everything that was acknowledged. Nobody has anything else.
    const open = streams.filter(({ isClosed }) => !isClosed)
    expect(open.length).toBeGreaterThan(0)
    for (const { data } of open) {
      await waitUntil('all is there', () => data.length >= stored.length)
      expect(data).toEqual(stored)
    }
  })
})

test('a directory that is removed under a hub is not made anew by its workers', async () => {
  const { hub, data, first } = await start(['--workers', '2'])
  await rm(data)
  await rm(first, { recursive: true })
  for (const worker of listChildren(hub.pid ?? 0)) process.kill(worker, 'SIGKILL')
  await waitUntil('both were refused twice', () => hub.output.split('no data.mdb').length > 4)
  await expect(stat(data)).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(stat(first)).rejects.toMatchObject({ code: 'ENOENT' })
})

test.each([1, 2])(
  'a hub of %i goes on when its directory is moved back, and nothing was lost',
  async (workers) => {
    const { hub, first, second } = await start(['--workers', String(workers)])
    expect(await publish(hub, 'before')).toBe('stored')
    await rename(first, second)
    expect(await publish(hub, 'meanwhile')).toBe(refused)
    if (workers > 1) {
      process.kill(listChildren(hub.pid ?? 0)[0] ?? 0, 'SIGKILL')
      await waitUntil('a replacement is refused', () => hub.output.includes('cannot start'))
    }
    await rename(second, first)
    await waitUntil('it is ready', async () => (await askReady(hub)).status === 200)
    if (workers > 1) await waitUntil('both serve', () => listChildren(hub.pid ?? 0).length === 2)
    expect(await publish(hub, 'after')).toBe('stored')
    const page = await fetch(`${hub.url}/topics/a`)
    const { records } = (await page.json()) as { records: readonly { readonly data: string }[] }
    expect(records.map(({ data }) => data)).toEqual(['before', 'after'])
    expect(await readdir(first)).toContain('data.mdb')
  },
)

test('a second hub does not start beside one whose lock file was removed', async () => {
  const { hub, data, first } = await start()
  expect(await publish(hub, 'kept')).toBe('stored')
  await unlink(join(first, 'lock.mdb'))
  const home = await makeDirectory()
  const other = startHubProcess({ dataDirectory: home, args: [`--data=${data}`] })
  await expect(other).rejects.toThrow(
    new RegExp(`is held by process ${hub.pid} with a lock.mdb that was removed`),
  )
  expect(await publish(hub, 'refused')).toBe(refused)
})

describe('a clock that is wrong', () => {
  const dayMs = 86_400_000

  async function startDated(offsetMs: number): Promise<HubProcess> {
    const dataDirectory = await makeDirectory()
    const clock = createFakeClock(Date.now() + offsetMs)
    const log = await openLmdbLog({ directory: dataDirectory, clock })
    await log.append({ events: [{ topic: parseTopic('a'), data: 'kept' }] })
    await log.close()
    const hub = await startHubProcess({ dataDirectory })
    onTestFinished(() => hub.stop())
    return hub
  }

  test('a hub whose events are dated ten years ahead says so, and readiness with it', async () => {
    const hub = await startDated(3_652 * dayMs)
    await waitUntil('it says so', () => hub.output.includes('tidemark check --repair-clock'))
    const { status, warnings } = await askReady(hub)
    expect(status).toBe(200)
    expect(warnings).toEqual([expect.stringContaining('tidemark check --repair-clock')])
  })

  test('a hub that starts a week after its last event, as its clock says, keeps the history and says for how long', async () => {
    const hub = await startDated(-7 * dayMs)
    await waitUntil('it says so', () => hub.output.includes('are removed in 10 minutes'))
    expect((await askReady(hub)).warnings).toEqual([expect.stringContaining('in 10 minutes')])
    const page = await fetch(`${hub.url}/topics/a`)
    expect(await page.json()).toMatchObject({ records: [{ data: 'kept' }] })
  })
})
