// `tidemark consumers` against a real hub.

import { expect, test } from 'vitest'
import { run, startHub } from './program.ts'

test('an admin lists, sets back and deletes the consumers of a user', async () => {
  // Without authentication everybody on this machine is an admin, and nobody is a user.
  const { env } = await startHub()
  const ada = ['--user', 'ada']
  const list = async () =>
    JSON.parse((await run(['consumers', ...ada], { env })).stdout) as Record<string, unknown>
  expect(await list()).toEqual({ consumers: [] })
  for (const place of ['earliest', '7d', 'now']) {
    const set = await run(['consumers', 'phone', '--reset', place, ...ada], { env })
    expect(set).toMatchObject({ code: 0, stderr: '' })
    const { cursor } = JSON.parse(set.stdout) as { readonly cursor: string }
    const again = await run(['consumers', 'phone', '--reset', cursor, ...ada], { env })
    expect(JSON.parse(again.stdout)).toMatchObject({ name: 'phone', cursor })
  }
  expect(await list()).toMatchObject({ consumers: [{ name: 'phone' }] })
  const deleted = await run(['consumers', 'phone', '--delete', ...ada], { env })
  expect(JSON.parse(deleted.stdout)).toEqual({ deleted: true })
  expect(await list()).toEqual({ consumers: [] })
})

test.each<[what: string, args: readonly string[], ending: { code: number; stderr: RegExp }]>([
  ['nobody’s consumers', [], { code: 77, stderr: /401 UNAUTHENTICATED.*\(HUB_DENIED\)/ }],
  ['a name alone', ['phone'], { code: 64, stderr: /\(ARGUMENT_INVALID\)/ }],
  ['a deletion without a name', ['--delete'], { code: 64, stderr: /\(ARGUMENT_INVALID\)/ }],
  ['two names', ['a', 'b', '--delete'], { code: 64, stderr: /"b".*\(ARGUMENT_INVALID\)/ }],
  [
    'a consumer that there is not',
    ['phone', '--delete', '--user', 'ada'],
    { code: 65, stderr: /404 CONSUMER_UNKNOWN.*\(HUB_REFUSED\)/ },
  ],
])('%s is refused with what to do', async (_, args, { code, stderr }) => {
  const { env } = await startHub()
  const ending = await run(['consumers', ...args], { env })
  expect(ending).toMatchObject({ code, stdout: '' })
  expect(ending.stderr).toMatch(stderr)
})
