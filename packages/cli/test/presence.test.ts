// `tidemark presence` against a real hub.

import { createClient } from '@tidemark/client'
import { expect, onTestFinished, test } from 'vitest'
import { run, startHub } from './program.ts'

test('those who are in a topic are printed, as lines or as JSON', async () => {
  const { url, env } = await startHub()
  const input = '[{"pattern":"rooms/*"}]'
  expect(await run(['rules', 'presence', '--set', '-'], { env, input })).toMatchObject({ code: 0 })
  const client = createClient(url)
  onTestFinished(() => client.close())
  const feed = client.feed(['rooms/7'])
  await new Promise<void>((resolve) => feed.on('tidemark.ready', () => resolve()))
  expect(await run(['presence', 'rooms/7'], { env })).toMatchObject({
    code: 0,
    stdout: '1 session\n',
  })
  const { stdout } = await run(['presence', 'rooms/8', '--json'], { env })
  expect(JSON.parse(stdout)).toEqual({ sessions: 0, isWhole: true })
})

test.each<[what: string, args: readonly string[], ending: { code: number; stderr: RegExp }]>([
  ['no topic', [], { code: 64, stderr: /takes one topic.*\(ARGUMENT_INVALID\)/ }],
  ['two topics', ['a', 'b'], { code: 64, stderr: /"b".*\(ARGUMENT_INVALID\)/ }],
  ['a topic without a rule', ['a'], { code: 65, stderr: /404 PRESENCE_OFF.*\(HUB_REFUSED\)/ }],
  ['a pattern', ['a/*'], { code: 65, stderr: /400 PATH_INVALID.*\(HUB_REFUSED\)/ }],
])('%s is refused with what to do', async (_, args, { code, stderr }) => {
  const { env } = await startHub()
  const ending = await run(['presence', ...args], { env })
  expect(ending).toMatchObject({ code, stdout: '' })
  expect(ending.stderr).toMatch(stderr)
})
