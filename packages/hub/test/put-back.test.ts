// A backup that somebody copies over the data directory of a hub that runs: what publishers and
// returning clients are told.

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

/** Its acknowledged events: data and cursor, in order. */
async function publishSome(hub: HubProcess, name: string, count: number): Promise<Event[]> {
  const events: Event[] = []
  for (let i = 1; i <= count; i++) {
    const { status, cursor = '' } = await publish(hub, `${name}${i}`)
    if (status === 200) events.push({ data: `${name}${i}`, cursor })
  }
  return events
}

interface Event {
  readonly data: string
  readonly cursor: string
}

async function askReady({ url }: HubProcess): Promise<Published> {
  const response = await fetch(`${url}/readyz`, { headers: { Connection: 'close' } })
  return { ...((await response.json()) as object), status: response.status }
}

interface Scene {
  readonly hub: HubProcess
  readonly data: string
  readonly backup: string
  /** Events that the backup does not have. */
  readonly lost: readonly Event[]
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

/** The first thing a client at this event is told: how it goes on, or to come back later. */
async function resume({ port }: HubProcess, { cursor }: Event): Promise<string> {
  const stream = beginStream(port, `topic=a&lastEventId=${encodeURIComponent(cursor)}`)
  const word = /"resumed":"(\w+)"|"reason":"(log-unavailable)"/
  await waitUntil('the client is told', () => word.test(stream.text) || stream.isClosed)
  const [, resumed, reason] = word.exec(stream.text) ?? []
  return resumed ?? reason ?? 'cut off'
}

/** Also a worker that has all of it in memory refuses: what comes next it would never hand over. */
async function expectRefused(hub: HubProcess, events: readonly Event[]): Promise<void> {
  for (const event of events) expect(await resume(hub, event)).toBe('log-unavailable')
}

/** Each client of a lost event is told of its gap, and gets all that was published since. */
async function expectGaps(
  { port }: HubProcess,
  lost: readonly Event[],
  since: readonly Event[],
): Promise<void> {
  const all = since.map(({ data }) => data)
  for (const { cursor } of lost) {
    const stream = beginStream(port, `topic=a&lastEventId=${encodeURIComponent(cursor)}`)
    await waitUntil('all of it is there', () => stream.data.length >= all.length)
    expect(stream.text).toContain('"resumed":"gap"')
    expect(stream.data).toEqual(all)
  }
}

/** Stops the hub and starts it again on what is there. */
async function restart({ hub, data }: Scene): Promise<HubProcess> {
  await hub.stop()
  const again = await startHubProcess({ dataDirectory: join(data, '..'), args: [`--data=${data}`] })
  onTestFinished(() => again.stop())
  return again
}

async function expectToldAfterRestart(scene: Scene, since: readonly Event[] = []): Promise<void> {
  const again = await restart(scene)
  const after = await publishSome(again, 'after', 15)
  expect(after).toHaveLength(15)
  await expectGaps(again, scene.lost, [...since, ...after])
}

const refused = { status: 503, code: 'LOG_DIRECTORY_LOST' }

describe.each([1, 2])('a backup copied over a running hub of %i', (workers) => {
  test.each([
    { name: 'with the lock file', names: withoutWake },
    { name: 'with everything', names: all },
  ])('$name, is found out without a publish, takes no event, and is told of', async ({ names }) => {
    const scene = await prepare(workers)
    const { hub, lost } = scene
    for (let i = 0; i < workers; i++) expect(await askReady(hub)).toMatchObject({ status: 200 })
    putOver(scene, names)
    await waitUntil(
      'each has said so once',
      () => hub.output.split('an older copy was put over').length === workers + 1,
    )
    for (let i = 0; i < workers; i++) expect(await askReady(hub)).toMatchObject(refused)
    for (let i = 0; i < 15; i++) expect(await publish(hub, `refused ${i}`)).toMatchObject(refused)
    await expectRefused(hub, lost)
    expect(hub.output.split('an older copy was put over')).toHaveLength(workers + 1)
    await expectToldAfterRestart(scene)
  })
})

test('a worker that dies of the copying is not replaced by one that goes on in the old epoch', async () => {
  const scene = await prepare(2)
  const { hub, lost } = scene
  const [worker = 0] = listChildren(hub.pid ?? 0)
  putOver(scene, all)
  process.kill(worker, 'SIGBUS')
  await waitUntil('its replacement is refused', () => hub.output.includes('cannot start: An older'))
  expect(await publishSome(hub, 'refused', 10)).toEqual([])
  await expectRefused(hub, lost)
  await expectToldAfterRestart(scene)
})

test('a worker that dies is not replaced by one that goes on in the old epoch while the other stands still and has found nothing out', async () => {
  const scene = await prepare(2)
  const { hub } = scene
  const [dying = 0, standing = 0] = listChildren(hub.pid ?? 0)
  for (const worker of [dying, standing]) process.kill(worker, 'SIGSTOP')
  putOver(scene, all)
  process.kill(dying, 'SIGKILL')
  await waitUntil('its replacement is refused', () => hub.output.includes('cannot start: An older'))
  process.kill(standing, 'SIGCONT')
  expect(await publishSome(hub, 'refused', 10)).toEqual([])
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
  await waitUntil('both serve again', () => hub.output.split(') serves.').length === 3)
  expect(hub.output).toContain('was put over the log')
  const since = await publishSome(hub, 'since', 15)
  expect(since).toHaveLength(15)
  await expectGaps(hub, lost, since)
  await expectToldAfterRestart(scene, since)
})

test.each([1, 2])(
  'whatever `cp -r` over the directory of a busy hub of %i does to it, no client misses an event unheard',
  async (workers) => {
    const scene = await prepare(workers)
    const { hub, data, backup, lost } = scene
    const busy = publishSome(hub, 'x', 60)
    execFileSync('cp', ['-r', `${backup}/.`, data])
    await busy
    for (const event of hub.isEnded ? [] : lost) expect(await resume(hub, event)).not.toBe('exact')
    const again = await restart(scene)
    const page = await fetch(`${again.url}/topics/a?limit=1000`)
    const { records } = (await page.json()) as { records: readonly Event[] }
    const since = records.filter(({ data: name }) => name.startsWith('x'))
    await expectGaps(again, lost, [...since, ...(await publishSome(again, 'after', 15))])
  },
)
