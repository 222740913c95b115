// `tidemark rules` against a real hub.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeDirectory, run, startHub } from './program.ts'

const conflate = [{ pattern: 'prices/**', whenLagging: 'conflate' }]

test('rules are replaced from a file and from standard input, and shown', async () => {
  const { env } = await startHub()
  const file = join(makeDirectory(), 'rules.json')
  writeFileSync(file, JSON.stringify(conflate))
  const replaced = await run(['rules', 'lag', '--set', file], { env })
  expect(replaced).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(replaced.stdout)).toEqual({ cursor: expect.any(String) })
  const shown = await run(['rules', 'lag'], { env })
  expect(JSON.parse(shown.stdout)).toEqual({ from: 'change', rules: conflate })
  expect(await run(['rules', 'lag', '--set', '-'], { env, input: '[]' })).toMatchObject({ code: 0 })
  const { stdout } = await run(['rules'], { env })
  expect(JSON.parse(stdout)).toMatchObject({ rules: { lag: { rules: [] } } })
})

test.each<[what: string, args: readonly string[], ending: { code: number; stderr: RegExp }]>([
  [
    'a list that cannot hold',
    ['lag', '--set', '-'],
    { code: 65, stderr: /400 RULE_INVALID.*\(HUB_REFUSED\)/ },
  ],
  ['a kind that there is not', ['lags'], { code: 65, stderr: /404 NOT_FOUND.*Did you mean lag/ }],
  ['a list without a kind', ['--set', '-'], { code: 64, stderr: /Name it.*\(ARGUMENT_INVALID\)/ }],
  ['two kinds', ['lag', 'rate'], { code: 64, stderr: /"rate".*\(ARGUMENT_INVALID\)/ }],
  [
    'a file that is not there',
    ['lag', '--set', 'none.json'],
    { code: 64, stderr: /none\.json.*\(OPTION_INVALID\)/ },
  ],
])('%s is refused with what to do', async (_, args, { code, stderr }) => {
  const { env } = await startHub()
  const ending = await run(['rules', ...args], { env, input: '[{"pattern":"a"}]' })
  expect(ending).toMatchObject({ code, stdout: '' })
  expect(ending.stderr).toMatch(stderr)
})

test('a hub that is not there, and an answer that is none of a hub, are told apart', async () => {
  const nobody = await run(['rules', '--url', 'http://127.0.0.1:1'])
  expect(nobody).toMatchObject({ code: 69, stderr: expect.stringMatching(/HUB_UNREACHABLE/) })
  const { url } = await startHub()
  const wrong = await run(['rules', '--url', `${url}/page.js?`])
  expect(wrong).toMatchObject({ code: 65, stderr: expect.stringMatching(/NOT_FOUND/) })
})
