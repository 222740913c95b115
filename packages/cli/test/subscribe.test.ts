// `tidemark subscribe` against a real hub.

import { expect, test } from 'vitest'
import { run, start, startHub } from './program.ts'

test('--json gives one object per line with all that is known, and --count ends it', async () => {
  const { env } = await startHub()
  const { stdout: cursor } = await run(
    ['publish', 'orders/42', '{"total":12}', '--type', 'paid', '--key', 'k'],
    { env },
  )
  await run(['publish', 'orders/43', 'plain'], { env })
  const { code, stdout, stderr } = await run(
    ['subscribe', 'orders/*', '--json', '--since', 'earliest', '--count', '2'],
    { env },
  )
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const [first, second] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
  expect(first).toEqual({
    cursor: cursor.trim(),
    topic: 'orders/42',
    type: 'paid',
    key: 'k',
    time: expect.any(Number) as number,
    data: { total: 12 },
  })
  expect(second).toMatchObject({ topic: 'orders/43', type: 'message', data: 'plain' })
  const after = await run(
    ['subscribe', 'orders/*', '--json', '--after', cursor.trim(), '--count', '1'],
    { env },
  )
  expect(JSON.parse(after.stdout)).toEqual(second)
})

test('--types, --keys and --where leave out what publishers have marked otherwise', async () => {
  const { env } = await startHub()
  const eu = ['--type', 'paid', '--key', 'k', '--tag', 'region:eu', '--tag', 'tier:gold']
  await run(['publish', 'a', 'seen', ...eu], { env })
  await run(['publish', 'a', 'of another type', ...eu, '--type', 'sent'], { env })
  await run(['publish', 'a', 'of another key', ...eu, '--key', 'other'], { env })
  await run(['publish', 'a', 'without a tag', '--type', 'paid', '--key', 'k'], { env })
  // No stream has a permission where the hub does not ask who is there.
  await run(['publish', 'a', 'of a permission', ...eu, '--permission', 'staff'], { env })
  await run(['publish', 'a', '--lines', ...eu], { env, input: 'last\n' })
  const filter = ['--types', 'paid,other', '--keys', 'k', '--where', 'region:eu|us']
  const { stdout } = await run(
    ['subscribe', 'a', ...filter, '--where', 'tier:gold', '--json'].concat([
      '--since',
      'earliest',
      '--count',
      '2',
    ]),
    { env },
  )
  const got = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object)
  expect(got).toMatchObject([
    { data: 'seen', tags: { region: 'eu', tier: 'gold' } },
    { data: 'last', tags: { region: 'eu', tier: 'gold' } },
  ])
  const odd = await run(['subscribe', 'a', '--where', 'region'], { env })
  expect(odd.stderr).toMatch(/such as region:eu.*\(FILTER_INVALID\)\n$/)
  for (const tag of ['region', ':eu'])
    expect((await run(['publish', 'a', 'x', '--tag', tag], { env })).code).toBe(64)
})

test('an event cannot send escape sequences to the terminal of whoever watches', async () => {
  const { env } = await startHub()
  await run(
    ['publish', 'a', '\u001b]0;owned\u0007\u009b2J\nnext \u202Eline', '--type', 'x\u001b[31m'],
    { env },
  )
  for (const flags of [[], ['--json']]) {
    const { stdout } = await run(
      ['subscribe', 'a', '--since', 'earliest', '--count', '1', ...flags],
      { env },
    )
    // oxlint-disable-next-line no-control-regex -- finding control characters is the point
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
    expect(stdout.split('\n')).toHaveLength(2)
    expect(stdout).toContain('\\nnext \\u202eline')
  }
})

test('a reader that has enough ends it quietly with 0', async () => {
  const { env } = await startHub()
  const input = 'line\n'.repeat(20_000)
  await run(['publish', 'a', '--lines'], { env, input })
  const reader = start(['subscribe', 'a', '--since', 'earliest'], { env })
  await reader.waitFor('stdout', /line\n/)
  reader.child.stdout.destroy()
  expect(await reader.ended).toMatchObject({ code: 0, stderr: '' })
})

test('an event larger than it takes ends it with 76 and the option that takes more', async () => {
  const { env } = await startHub()
  await run(['publish', 'a', 'x'.repeat(2_000)], { env })
  const args = ['subscribe', 'a', '--since', 'earliest', '--count', '1', '--max-event-characters']
  const small = await run([...args, '1024'], { env })
  expect(small.code).toBe(76)
  expect(small.stderr).toMatch(/1024 characters.*\(STREAM_INVALID\).*--max-event-characters\.\n$/)
  expect(await run([...args, '4096'], { env })).toMatchObject({ code: 0, stderr: '' })
  expect(await run([...args, '1073741824'], { env })).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('OPTION_INVALID') as string,
  })
})

test('a cursor that no header can carry is told as a gap that cannot steer the terminal', async () => {
  const { env } = await startHub()
  await run(['publish', 'a', 'x'], { env })
  const args = ['subscribe', 'a', '--since', 'earliest', '--count', '1', '--after']
  const { code, stderr } = await run([...args, `a\u001b${'x'.repeat(9_000)}`], { env })
  expect(code).toBe(0)
  expect(stderr).toMatch(/^tidemark: gap: events after a\\u001bx+… up to now .*unsendable/)
  expect(stderr.length).toBeLessThan(400)
})

test('Ctrl-C ends it with 130', async () => {
  const { env } = await startHub()
  await run(['publish', 'a', 'x'], { env })
  const reader = start(['subscribe', 'a', '--since', 'earliest'], { env })
  await reader.waitFor('stdout', /x\n/)
  reader.child.kill('SIGINT')
  expect(await reader.ended).toMatchObject({ code: 130, stderr: '' })
})

test('what the hub refuses for good ends it in the words of the hub', async () => {
  const { env } = await startHub()
  const { code, stderr } = await run(['subscribe', 'a', '--since', 'yesterday'], { env })
  expect(code).toBe(65)
  expect(stderr).toMatch(/^tidemark: since must be .*\(QUERY_INVALID\)\n$/)
})

test('a cursor of another history is told as a gap on standard error', async () => {
  const { env } = await startHub()
  const other = await startHub()
  const { stdout: cursor } = await run(['publish', 'a', 'x'], { env: other.env })
  await run(['publish', 'a', 'y'], { env })
  const reader = start(['subscribe', 'a', '--after', cursor.trim()], { env })
  await reader.waitFor('stderr', /^tidemark: gap: .*\(epoch\)/)
  reader.child.kill('SIGTERM')
  expect((await reader.ended).code).toBe(143)
})
