// A disk that runs full under a running hub, played by a limit on the size of its files.

import { execFileSync } from 'node:child_process'
import { startHubProcess } from '@tidemark/testkit'
import type { HubProcess } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { makeDirectory } from './support/test-hub.ts'

function limitFiles(hub: HubProcess, bytes: string): void {
  // Only the soft limit, so that it can be lifted again.
  execFileSync('prlimit', ['--pid', String(hub.pid), `--fsize=${bytes}:`])
}

function publish(hub: HubProcess, data: string): Promise<Response> {
  return fetch(`${hub.url}/topics/a`, { method: 'POST', body: data })
}

async function readAll(hub: HubProcess): Promise<string[]> {
  const data: string[] = []
  for (let after = ''; ;) {
    const response = await fetch(`${hub.url}/topics/a?limit=1000${after}`)
    const page = (await response.json()) as { records: { data: string }[]; next: string }
    if (page.records.length === 0) return data
    data.push(...page.records.map((record) => record.data.slice(0, 8)))
    after = `&after=${page.next}`
  }
}

test('a full disk answers 503 with what to do, keeps serving, loses nothing acknowledged, and recovers', async () => {
  const hub = await startHubProcess({ dataDirectory: await makeDirectory() })
  onTestFinished(() => hub.stop())
  limitFiles(hub, '4194304')
  const filling = 'x'.repeat(64 * 1024)
  const acknowledged: string[] = []
  let refused: Response | undefined
  for (let i = 0; i < 500 && refused === undefined; i++) {
    const name = String(i).padStart(8, '0')
    const response = await publish(hub, name + filling)
    if (response.ok) acknowledged.push(name)
    else refused = response
  }
  expect(refused?.status).toBe(503)
  expect(refused?.headers.get('retry-after')).toMatch(/^\d+$/)
  expect(await refused?.json()).toMatchObject({ code: 'LOG_UNAVAILABLE' })
  expect((await fetch(`${hub.url}/livez`)).status).toBe(200)
  expect(await readAll(hub)).toEqual(acknowledged)

  limitFiles(hub, 'unlimited')
  expect((await publish(hub, `99999999${filling}`)).status).toBe(200)
  expect(await readAll(hub)).toEqual([...acknowledged, '99999999'])
})
