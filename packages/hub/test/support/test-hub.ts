// A hub in this process, on a free port, with data of its own that go with the test.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { loadConfig, startHub } from '../../src/index.ts'
import type { Hub } from '../../src/index.ts'

export interface TestHub extends Hub {
  readonly port: number
  readonly lines: readonly string[]
}

/** An empty directory that is removed after the test. */
export async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-hub-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** Starts a hub with these flags; `memory:` unless they name other data. */
export async function startTestHub(flags: Readonly<Record<string, string>> = {}): Promise<TestHub> {
  const directory = await makeDirectory()
  const config = loadConfig({ flags: { port: '0', data: 'memory:', ...flags }, env: {}, directory })
  const lines: string[] = []
  const hub = await startHub(config, { onLine: (text) => lines.push(text) })
  onTestFinished(() => hub.close())
  return { ...hub, port: Number(new URL(hub.url).port), lines }
}
