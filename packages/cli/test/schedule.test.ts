// `tidemark schedule` against a real hub.

import { waitUntil } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { run, startHub } from './program.ts'

type Env = Awaited<ReturnType<typeof startHub>>['env']

async function list(env: Env): Promise<readonly unknown[]> {
  const { code, stdout, stderr } = await run(['schedule', '--list'], { env })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const lines = stdout.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as unknown)
}

async function add(env: Env, args: readonly string[]): Promise<{ id: string; at: number }> {
  const added = await run(['schedule', ...args], { env })
  expect(added).toMatchObject({ code: 0, stderr: '' })
  return JSON.parse(added.stdout) as { id: string; at: number }
}

test('an event is scheduled, listed, shown and cancelled', async () => {
  const { env } = await startHub()
  expect(await list(env)).toEqual([])
  const at = Date.now() + 3_600_000
  const late = await add(env, ['news', 'later', '--at', String(at), '--tag', 'region:eu'])
  const soon = await add(env, ['reminders', 'Call Ada', '--delay', '90s', '--type', 'call'])
  expect(late.at).toBe(at)
  expect(await list(env)).toEqual([
    { ...soon, topic: 'reminders', type: 'call' },
    { ...late, topic: 'news', tags: { region: 'eu' } },
  ])
  const shown = await run(['schedule', '--show', soon.id], { env })
  expect(JSON.parse(shown.stdout)).toMatchObject({ ...soon, data: 'Call Ada' })
  const cancelled = await run(['schedule', '--cancel', soon.id], { env })
  expect(JSON.parse(cancelled.stdout)).toEqual({ cancelled: true })
  expect(await list(env)).toMatchObject([{ id: late.id }])
  const again = await run(['schedule', '--cancel', soon.id], { env })
  expect(again).toMatchObject({ code: 65, stdout: '' })
  expect(again.stderr).toMatch(/404 SCHEDULED_NOT_FOUND.*\(HUB_REFUSED\)/)
})

test('an event that is due is published, and waits no more', async () => {
  const { env } = await startHub()
  await add(env, ['news', 'now', '--delay', '10ms'])
  await waitUntil('nothing waits', async () => (await list(env)).length === 0)
  const read = await run(['subscribe', 'news', '--since', 'earliest', '--count', '1'], { env })
  expect(read.stdout).toContain('now')
})

test.each<[what: string, args: readonly string[], ending: { code: number; stderr: RegExp }]>([
  ['no topic', [], { code: 64, stderr: /\(ARGUMENT_INVALID\)/ }],
  ['no moment', ['a', 'x'], { code: 64, stderr: /--delay 1h.*\(OPTION_INVALID\)/ }],
  [
    'two moments',
    ['a', 'x', '--delay', '1s', '--at', '1'],
    { code: 64, stderr: /one of the two.*\(OPTION_INVALID\)/ },
  ],
  [
    'a text in two parts',
    ['a', 'x', 'y', '--delay', '1s'],
    { code: 64, stderr: /\(ARGUMENT_INVALID\)/ },
  ],
  ['a list of a topic', ['a', '--list'], { code: 64, stderr: /--list goes alone.*"a"/ }],
  [
    'two acts',
    ['--list', '--cancel', 'x'],
    { code: 64, stderr: /--list goes alone; got --cancel as well/ },
  ],
  [
    'a cancellation with a moment',
    ['--cancel', 'x', '--delay', '1s'],
    { code: 64, stderr: /--cancel goes alone; got --delay/ },
  ],
  [
    'a delay that is none',
    ['a', 'x', '--delay', 'soon'],
    { code: 65, stderr: /400 SCHEDULE_INVALID.*\(HUB_REFUSED\)/ },
  ],
])('%s is refused with what to do', async (_, args, { code, stderr }) => {
  const { env } = await startHub()
  const ending = await run(['schedule', ...args], { env })
  expect(ending).toMatchObject({ code, stdout: '' })
  expect(ending.stderr).toMatch(stderr)
})
