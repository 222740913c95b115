// `tidemark delete` against a real hub.

import { expect, test } from 'vitest'
import { run, startHub } from './program.ts'

test('a key is deleted, slashes and spaces and all', async () => {
  const { url, env } = await startHub()
  const ending = await run(['delete', 'prices/eu', 'a/b c', '--tag', 'region:eu'], { env })
  expect(ending).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(ending.stdout)).toMatchObject({ sessions: 0 })
  const answer = await fetch(new URL('topics/prices/eu', url))
  expect(await answer.json()).toMatchObject({
    records: [{ type: 'tidemark.deleted', key: 'a/b c', tags: { region: 'eu' } }],
  })
})

test.each<[what: string, args: readonly string[], ending: { code: number; stderr: RegExp }]>([
  ['no key', ['a'], { code: 64, stderr: /takes a topic and a key.*\(ARGUMENT_INVALID\)/ }],
  ['a key of dots', ['a', '..'], { code: 64, stderr: /dots alone.*\(ARGUMENT_INVALID\)/ }],
  ['a pattern', ['a/*', 'k'], { code: 65, stderr: /400 TOPIC_INVALID.*\(HUB_REFUSED\)/ }],
])('%s is refused with what to do', async (_, args, { code, stderr }) => {
  const { env } = await startHub()
  const ending = await run(['delete', ...args], { env })
  expect(ending).toMatchObject({ code, stdout: '' })
  expect(ending.stderr).toMatch(stderr)
})
