// `tidemark send` against a real hub.

import { expect, test } from 'vitest'
import { run, startHub } from './program.ts'

test('an event goes to users and to a topic, stored, and as the text or standard input says', async () => {
  const { env } = await startHub()
  const first = await run(['send', 'ready', '--user', 'ada', '--user', 'bob', '--type', 'note'], {
    env,
  })
  expect(first).toMatchObject({ code: 0, stderr: '' })
  expect(JSON.parse(first.stdout)).toMatchObject({ stored: true, sessions: 0 })
  await run(['send', '--user', 'ada', '--as', 'alerts', '--key', 'k'], {
    env,
    input: 'from a pipe\n',
  })
  await run(['send', 'x', '--topic', 'users/ada/inbox'], { env })
  const args = ['subscribe', 'users/**', '--json', '--since', 'earliest', '--count', '4']
  const { stdout } = await run(args, { env })
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
  expect(events).toMatchObject([
    { topic: 'users/ada/inbox', type: 'note', data: 'ready' },
    { topic: 'users/bob/inbox', type: 'note', data: 'ready' },
    { topic: 'users/ada/alerts', key: 'k', data: 'from a pipe' },
    { topic: 'users/ada/inbox', data: 'x' },
  ])
})

test.each([
  [['--everyone']],
  [['--label', 'kitchen']],
  [['--pattern', 'a/*', '--permission', 'staff']],
])('with %j the answer says that the event is not stored', async (to) => {
  const { env } = await startHub()
  const { code, stdout } = await run(['send', 'x', ...to], { env })
  expect([code, JSON.parse(stdout)]).toEqual([0, { stored: false, sessions: 0 }])
})

test.each<[readonly string[], number, RegExp]>([
  [['x'], 64, /to whom: --user.*\(OPTION_INVALID\)/],
  [['x', 'y', '--everyone'], 64, /an argument too many: "y".*\(ARGUMENT_INVALID\)/],
  [['x', '--everyone', '--label', 'a'], 65, /400 TARGET_INVALID.*\(HUB_REFUSED\)/],
  [['x', '--user', 'a/b'], 65, /400 USER_INVALID.*\(HUB_REFUSED\)/],
  [['x', '--session', 'gone'], 65, /404 SESSION_NOT_FOUND.*\(HUB_REFUSED\)/],
])('send %j ends with %i and says why', async (args, code, message) => {
  const { env } = await startHub()
  const answer = await run(['send', ...args], { env })
  expect(answer).toMatchObject({ code, stdout: '' })
  expect(answer.stderr).toMatch(message)
})

test('a hub that is not there is told as such, and one that does not let the caller as well', async () => {
  const gone = await run(['send', 'x', '--everyone', '--url', 'http://127.0.0.1:9'], {})
  expect(gone).toMatchObject({ code: 69 })
  expect(gone.stderr).toMatch(/does not answer.*\(HUB_UNREACHABLE\)/)
  const { env } = await startHub({
    args: ['--auth-secret', 'a secret of more than 32 bytes, for a test'],
  })
  const refused = await run(['send', 'x', '--everyone'], { env })
  expect(refused).toMatchObject({ code: 77 })
  expect(refused.stderr).toMatch(/401 UNAUTHENTICATED.*\(HUB_DENIED\)/)
})
