// `tidemark config`: what a hub started here would have, and where each value comes from.

import { existsSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { configJsonSchema } from '@tidemark/hub'
import { expect, test } from 'vitest'
import { makeDirectory, run, start } from './program.ts'
import type { Ending } from './program.ts'

/** Three settings in the file, of which a variable beats one and an option another. */
const file = '{"port": 1, "heartbeat": "1s", "retention": {"maxAge": "7d"}, "workers": 2}'
const env = { TIDEMARK_HEARTBEAT: '90s', TIDEMARK_PORT: '2' }

async function runIn(args: readonly string[]): Promise<Ending & { readonly directory: string }> {
  const directory = realpathSync(makeDirectory())
  writeFileSync(join(directory, 'tidemark.config.json'), file)
  const ending = await start(['config', ...args], { directory, env }).ended
  return { ...ending, directory }
}

test('an operator sees which of file, variable and option a value comes from', async () => {
  const { code, stdout, stderr, directory } = await runIn(['--port', '3'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const path = join(directory, 'tidemark.config.json')
  const rows = stdout.split('\n').map((line) => line.trim().split(/ {2,}/))
  for (const row of [
    ['setting', 'value', 'from'],
    ['port', '3', '--port'],
    ['heartbeat', '90s', 'TIDEMARK_HEARTBEAT'],
    ['retention.maxAge', '7d', path],
    ['workers', '2', path],
    ['data', join(directory, 'tidemark-data'), 'default'],
    ['delivery.eventsPerSecondMax', 'none', 'default'],
    ['tls.cert', 'none', 'default'],
    ['retention.rules', '[]', 'default'],
  ]) {
    expect(rows).toContainEqual(row)
  }
})

test('a program gets the same as JSON, numbers with their unit', async () => {
  const { code, stdout, directory } = await runIn(['--json', '--flush-window', '5ms'])
  expect(code).toBe(0)
  const settings = JSON.parse(stdout) as unknown[]
  for (const setting of [
    {
      name: 'heartbeat',
      value: 90_000,
      unit: 'ms',
      source: 'variable',
      from: 'TIDEMARK_HEARTBEAT',
    },
    { name: 'flush.window', value: 5, unit: 'ms', source: 'flag', from: '--flush-window' },
    { name: 'maxEventBytes', value: 1_048_576, unit: 'bytes', source: 'default' },
    {
      name: 'workers',
      value: 2,
      unit: 'processes',
      source: 'file',
      from: join(directory, 'tidemark.config.json'),
    },
    { name: 'compression', value: true, source: 'default' },
  ]) {
    expect(settings).toContainEqual(setting)
  }
})

test('what config prints as JSON gives the same settings again when it is put into a file', async () => {
  const first = await runIn(['--json'])
  const settings = JSON.parse(first.stdout) as readonly { name: string; value: unknown }[]
  const tree: Record<string, unknown> = {}
  for (const { name, value } of settings) {
    const [top = '', inner] = name.split('.')
    if (inner === undefined) tree[top] = value
    else tree[top] = { ...(tree[top] as object | undefined), [inner]: value }
  }
  const directory = makeDirectory()
  writeFileSync(join(directory, 'tidemark.config.json'), JSON.stringify(tree))
  const second = await start(['config', '--json'], { directory }).ended
  const strip = (text: string): unknown =>
    (JSON.parse(text) as readonly { name: string; value: unknown }[]).map(({ name, value }) => [
      name,
      value,
    ])
  expect(strip(second.stdout)).toEqual(strip(first.stdout))
})

test('a look at the settings opens nothing', async () => {
  const { code, directory } = await runIn([])
  expect(code).toBe(0)
  expect(existsSync(join(directory, 'tidemark-data'))).toBe(false)
})

test.each([[], ['--json']])(
  'a file with control characters in its name cannot steer the terminal, printed with %j',
  async (...args) => {
    const directory = makeDirectory()
    const name = 'a\u001b[2J\u009b2J\u202e.json'
    writeFileSync(join(directory, name), '{"port": 1}')
    const { code, stdout } = await start(['config', ...args, '--config', name], { directory }).ended
    expect(code).toBe(0)
    expect(stdout).toContain('\\u001b[2J\\u009b2J\\u202e.json')
    expect(stdout.replaceAll(/[\n\u0020-\u007e]/g, '')).toBe('')
  },
)

test('a schema for editors comes with the program', async () => {
  const { code, stdout } = await run(['config', '--schema'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toEqual(configJsonSchema)
})

test.each([
  [['--port', 'many'], 78, /port must be.*"many" from --port.*\(CONFIG_INVALID\)/],
  [['--prot', '1'], 64, /Did you mean --port\?.*\(OPTION_UNKNOWN\)/],
  [['--config', 'absent.json'], 78, /absent\.json.*\(CONFIG_UNREADABLE\)/],
  [['port'], 64, /takes options only; got "port".*\(ARGUMENT_INVALID\)/],
  [['--data', 'redis://me:hunter2@db'], 78, /^(?!.*hunter2).*data must be a directory.*redis:/],
])('config %j ends with %i, as serve would', async (args, code, message) => {
  const ending = await run(['config', ...args])
  expect(ending.stderr).toMatch(message)
  expect({ code: ending.code, stdout: ending.stdout }).toEqual({ code, stdout: '' })
})
