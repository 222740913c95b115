// The log that a configuration names, and what it says it can do beside what every log can.

import { onTestFinished, expect, test } from 'vitest'
import type { HubConfig } from '../src/index.ts'
import { loadConfig } from '../src/index.ts'
import { openLog } from '../src/open-log.ts'
import type { HubLog } from '../src/open-log.ts'
import { makeDirectory } from './support/test-hub.ts'

async function open(
  flags: Readonly<Record<string, string>>,
): Promise<HubLog & { config: HubConfig }> {
  const config = loadConfig({ flags, env: {}, directory: await makeDirectory() })
  const opened = await openLog(config, () => undefined)
  onTestFinished(() => opened.log.close())
  return { ...opened, config }
}

test('a log in memory can warn, and promises nothing of files, commits or faults', async () => {
  const { abilities } = await open({ data: 'memory:' })
  expect(Object.keys(abilities)).toEqual(['warnings'])
  expect(abilities.warnings?.warnings).toEqual([])
})

test('a log in a directory counts what it commits, names its files for workers, and is sound', async () => {
  const { abilities } = await open({})
  expect(Object.keys(abilities).toSorted()).toEqual(['commits', 'faults', 'files', 'warnings'])
  expect(abilities.faults?.fault).toBeUndefined()
  expect(abilities.commits).toMatchObject({ commits: 0, isStuck: false })
  expect(abilities.files?.place).toMatch(/\S/)
  expect(abilities.files?.seen.epoch).toMatch(/\S/)
})
