// A backup that somebody copies over the data directory of a hub that runs: what publishers and returning clients are told.

import { execFileSync } from 'node:child_process'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { listChildren, startHubProcess, waitUntil } from '@tidemark/testkit'
import type { HubProcess } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { beginStream } from './support/live-stream.ts'
import { makeDirectory } from './support/test-hub.ts'

interface Published {
  readonly status: number
  readonly cursor?: string
  readonly code?: string
}

/** On a connection of its own, so that any worker may get it. */
async function publish({ url }: HubProcess, body: string): Promise<Published> {
  const headers = { Connection: 'close' }
  const response = await fetch(`${url}/topics/a`, { method: 'POST', body, headers }).catch(
    () => undefined,
  )
  // A worker that dies takes its connections along.
  if (response === undefined) return { status: 0 }
  return { ...((await response.json()) as object), status: response.status }
}

async function publishSome(hub: HubProcess, name: string, count: number): Promise<string[]> {
  const cursors: string[] = []
  for (let i = 1; i <= count; i++) {
    const { status, cursor } = await publish(hub, `${name}${i}`)
    if (status === 200) cursors.push(cursor ?? '')
  }
  return cursors
}

async function askReady({ url }: HubProcess): Promise<Published> {
  const response = await fetch(`${url}/readyz`, { headers: { Connection: 'close' } })
  return { ...((await response.json()) as object), status: response.status }
}

/** What a client with this cursor is told first: of a gap, that it is exact, or to come back later. */
async function resume(hub: HubProcess, cursor: string): Promise<{ told: string; data: string[] }> {
  const { port } = hub
  const stream = beginStream(port, `topic=a&lastEventId=${encodeURIComponent(cursor)}`)
  const word = /"resumed":"(\w+)"|"reason":"(log-unavailable)"/
  await waitUntil('the client is told', () => word.test(stream.text))
  const [, resumed, reason] = word.exec(stream.text) ?? []
  return { told: resumed ?? reason ?? '', data: [...stream.data] }
}

interface Scene {
  readonly hub: HubProcess
  readonly data: string
  readonly backup: string
  /** Of events that the backup does not have. */
  readonly lost: readonly string[]
}

async function prepare(workers: number): Promise<Scene> {
  const [home, backup] = [await makeDirectory(), await makeDirectory()]
  const data = join(home, 'data')
  const args = [`--data=${data}`, '--workers', String(workers)]
  const hub = await startHubProcess({ dataDirectory: home, args })
  onTestFinished(() => hub.stop())
  expect(await publishSome(hub, 'kept', 10)).toHaveLength(10)
  await cp(data, backup, { recursive: true })
  const lost = await publishSome(hub, 'lost', 10)
  expect(lost).toHaveLength(10)
  return { hub, data, backup, lost }
}

/** Without cutting the files first, so that nobody dies of it in this moment. */
function putOver({ backup, data }: Scene, names: readonly string[]): void {
  for (const name of names) {
    const files = [`if=${join(backup, name)}`, `of=${join(data, name)}`]
    execFileSync('dd', [...files, 'conv=notrunc', 'bs=1M', 'status=none'])
  }
}

const withoutWake = ['data.mdb', 'lock.mdb']
const all = [...withoutWake, 'wake']

/** Stops the hub and starts it again on what is there: every lost cursor is told of its gap, and gets all that came since. */
async function expectToldAfterRestart({ hub, data, lost }: Scene): Promise<void> {
  await hub.stop()
  const again = await startHubProcess({ dataDirectory: join(data, '..'), args: [`--data=${data}`] })
  onTestFinished(() => again.stop())
  expect(await publishSome(again, 'since', 25)).toHaveLength(25)
  for (const cursor of lost) expect((await resume(again, cursor)).told).toBe('gap')
  const stream = beginStream(again.port, `topic=a&lastEventId=${lost.at(-1)}`)
  await waitUntil('all of it is there', () => stream.data.includes('since25'))
  expect(stream.data).toEqual(Array.from({ length: 25 }, (_, i) => `since${i + 1}`))
}

describe.each([1, 2])('a backup copied over a running hub of %i', (workers) => {
  test.each([
    { name: 'with the lock file', names: withoutWake },
    { name: 'with everything', names: all },
  ])(
    '$name, takes no event, is not ready, and gives no false "exact" afterwards',
    async ({ names }) => {
      const scene = await prepare(workers)
      const { hub, lost } = scene
      putOver(scene, names)
      for (let i = 0; i < 15; i++) {
        expect(await publish(hub, `refused ${i}`)).toMatchObject({
          status: 503,
          code: 'LOG_DIRECTORY_LOST',
        })
      }
      expect(await askReady(hub)).toMatchObject({ status: 503, code: 'LOG_DIRECTORY_LOST' })
      // Those who are behind what this node has handed over cannot be served.
      for (const cursor of lost.slice(0, -1))
        expect((await resume(hub, cursor)).told).toBe('log-unavailable')
      await waitUntil(
        'each has said so once',
        () => hub.output.split('an older copy was put over').length === workers + 1,
      )
      await expectToldAfterRestart(scene)
    },
  )
})

test('a worker that dies of the copying is not replaced by one that goes on in the old epoch', async () => {
  const scene = await prepare(2)
  const { hub, lost } = scene
  const [worker = 0] = listChildren(hub.pid ?? 0)
  putOver(scene, all)
  process.kill(worker, 'SIGBUS')
  await waitUntil('its replacement is refused', () =>
    /cannot start: An older copy was put over/.test(hub.output),
  )
  expect(await publishSome(hub, 'refused', 10)).toEqual([])
  for (const cursor of lost.slice(0, -1))
    expect((await resume(hub, cursor)).told).toBe('log-unavailable')
  await expectToldAfterRestart(scene)
})

test('workers that all die of the copying come back with another epoch, and tell of what is gone', async () => {
  const scene = await prepare(2)
  const { hub, lost } = scene
  // They stand still, so that none can find out before it dies.
  const workers = listChildren(hub.pid ?? 0)
  for (const worker of workers) process.kill(worker, 'SIGSTOP')
  putOver(scene, all)
  for (const worker of workers) process.kill(worker, 'SIGKILL')
  await waitUntil('they were replaced', () => {
    const now = listChildren(hub.pid ?? 0)
    return now.length === 2 && !now.some((worker) => workers.includes(worker))
  })
  await waitUntil('it is ready', async () => (await askReady(hub)).status === 200)
  const since = await publishSome(hub, 'since', 15)
  expect(since).toHaveLength(15)
  for (const cursor of lost) expect((await resume(hub, cursor)).told).toBe('gap')
  await expectToldAfterRestart(scene)
})

test('whatever `cp -r` over the directory of a busy hub does to it, no cursor that was lost is exact', async () => {
  const scene = await prepare(2)
  const { hub, data, backup, lost } = scene
  const busy = publishSome(hub, 'x', 60)
  execFileSync('cp', ['-r', `${backup}/.`, data])
  await busy
  const told = new Set<string>()
  for (const cursor of lost.slice(0, -1)) told.add((await resume(hub, cursor)).told)
  expect(told.has('exact'), hub.output).toBe(false)
  await expectToldAfterRestart(scene)
})
