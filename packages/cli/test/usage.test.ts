// Help, versions, and what is said about command lines that are wrong.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { run } from './program.ts'

const commands = [
  'serve',
  'config',
  'publish',
  'subscribe',
  'send',
  'token',
  'explain',
  'rules',
  'consumers',
  'presence',
  'backup',
  'restore',
  'check',
  'bench',
]

function longestLine(text: string): number {
  return Math.max(...text.split('\n').map((line) => line.length))
}

test('the help lists every command, shows how to try it and explains the exit codes', async () => {
  const { code, stdout, stderr } = await run(['--help'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  for (const word of [...commands, 'Try it', 'Exit codes']) expect(stdout).toContain(word)
  expect(longestLine(stdout)).toBeLessThanOrEqual(100)
})

test.each(commands)('the help of %s has options and examples', async (command) => {
  const [direct, spelled] = await Promise.all([run([command, '--help']), run(['help', command])])
  expect(direct).toEqual(spelled)
  expect(direct.code).toBe(0)
  expect(direct.stdout).toContain(`Usage: tidemark ${command} `)
  expect(longestLine(direct.stdout)).toBeLessThanOrEqual(100)
  expect(direct.stdout).toContain('Examples:\n  ')
})

test('the version is that of the package', async () => {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(manifest) as { version: string }
  expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
})

test('without a command the help goes to standard error and the exit code says wrong usage', async () => {
  const { code, stdout, stderr } = await run([])
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
  expect(stderr).toContain('Usage: tidemark <command>')
})

test.each([
  [['publsh', 'a', 'b'], 64, /"publsh".*Did you mean publish\?.*\(COMMAND_UNKNOWN\)/],
  [['publish', 'a', 'b', '--tpye', 'x'], 64, /--tpye.*Did you mean --type\?.*\(OPTION_UNKNOWN\)/],
  [['serve', '--prot', '1'], 64, /--prot.*Did you mean --port\?.*\(OPTION_UNKNOWN\)/],
  [['serve', '--port', 'many'], 78, /port must be.*"many".*\(CONFIG_INVALID\)/],
  [['serve', '--port'], 64, /--port needs a value.*\(OPTION_INVALID\)/],
  [['serve', '--port', '--data', 'x'], 64, /--port needs a value.*\(OPTION_INVALID\)/],
  [
    ['serve', '--addresses-deny', '192.0.2.1', '--addresses-deny', '192.0.2.2'],
    64,
    /--addresses-deny is a list.*Say --addresses-deny 192\.0\.2\.1,192\.0\.2\.2\. \(OPTION_INVALID\)/,
  ],
  [['serve', '--insecure=yes'], 64, /--insecure takes no value.*\(OPTION_INVALID\)/],
  [['serve', '--config', 'absent.json'], 78, /absent\.json.*\(CONFIG_UNREADABLE\)/],
  [['serve', 'now'], 64, /takes options only; got "now".*\(ARGUMENT_INVALID\)/],
  [['publish'], 64, /needs a topic.*\(ARGUMENT_INVALID\)/],
  [['publish', 'a', 'two', 'words'], 64, /"words".*quotes.*\(ARGUMENT_INVALID\)/],
  [['publish', 'a', '-5'], 64, /no option -5.*goes after `--`.*\(OPTION_UNKNOWN\)/],
  [['publish', 'a', 'b', '--lines'], 64, /standard input.*\(ARGUMENT_INVALID\)/],
  [['publish', 'a', 'b', '--url', 'ftp://x'], 64, /"ftp:\/\/x".*\(OPTION_INVALID\)/],
  [['publish', 'a', 'b', '--header', 'secret'], 64, /--header must be like.*\(OPTION_INVALID\)/],
  [['subscribe'], 64, /needs a topic or pattern.*\(ARGUMENT_INVALID\)/],
  [['backup'], 64, /needs one file or directory.*\(ARGUMENT_INVALID\)/],
  [['backup', 'a', 'b'], 64, /got "b" too.*\(ARGUMENT_INVALID\)/],
  [
    ['backup', 'a', '--data', 'memory:'],
    64,
    /must be a directory; got "memory:".*\(OPTION_INVALID\)/,
  ],
  [
    ['backup', 'a', '--data', 'redis://me:hunter2@db'],
    78,
    /^(?!.*hunter2).*data must be a directory .*, or memory:; got redis:.*\(CONFIG_INVALID\)/,
  ],
  [['backup', 'a', '--config', 'absent.json'], 78, /absent\.json.*\(CONFIG_UNREADABLE\)/],
  [
    ['backup', 'a', '--data', 'absent'],
    73,
    /"absent" is not a Tidemark log.*\(LOG_FORMAT_FOREIGN\)/,
  ],
  [['restore'], 64, /needs one backup.*\(ARGUMENT_INVALID\)/],
  [['restore', 'absent.mdb'], 73, /nothing of this name.*\(LOG_FORMAT_FOREIGN\)/],
  [['check'], 64, /needs one directory or backup.*\(ARGUMENT_INVALID\)/],
  [['check', 'absent'], 73, /nothing of this name.*\(LOG_FORMAT_FOREIGN\)/],
  [['subscribe', 'a', '--count', '0'], 64, /--count must be.*"0".*\(OPTION_INVALID\)/],
])('%j ends with %i and one line that says what to do', async (args, code, message) => {
  const ending = await run(args)
  expect(ending.stderr).toMatch(/^tidemark: [^\n]+\n$/)
  expect(ending.stderr).toMatch(message)
  expect({ code: ending.code, stdout: ending.stdout }).toEqual({ code, stdout: '' })
})

test('serve beyond this machine without a way to tell who asks is refused with the three lines that give one', async () => {
  const { code, stdout, stderr } = await run(['serve', '--host', '0.0.0.0'])
  expect({ code, stdout }).toEqual({ code: 78, stdout: '' })
  expect(stderr).toMatch(/^tidemark: .*loopback only.*three lines \(HOST_NEEDS_AUTH\):\n/)
  expect(stderr.trimEnd().split('\n').slice(1)).toEqual([
    '  (umask 077; openssl rand -base64 48 > tidemark.secret)',
    '  tidemark serve --host 0.0.0.0 --auth-secret @tidemark.secret',
    "  tidemark token --auth-secret @tidemark.secret --sub ada --subscribe 'demo/**' --ttl 1h",
  ])
})
