// From defaults, file, variables and flags to one configuration, and what is said of mistakes.

import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { LocalCounts } from '@tidemark/access/hub'
import { changeRetention, parseTopicSet, systemClock } from '@tidemark/log'
import { emptyStats } from '@tidemark/server'
import type { NodeStats } from '@tidemark/server'
import { openLmdbLog } from '@tidemark/log-lmdb'
import { describe, expect, test } from 'vitest'
import { planCounts } from '../src/count-rules.ts'
import { configOptions, loadConfig, startHub } from '../src/index.ts'
import { toKeptRules } from '../src/kept-rules.ts'
import type { WorkerShare } from '../src/hub.ts'
import { startNode } from '../src/start-hub.ts'
import { planShare } from '../src/workers/start-workers.ts'
import { makeDirectory } from './support/test-hub.ts'

async function load(
  part: { file?: string; env?: Record<string, string>; flags?: Record<string, string> } = {},
): Promise<ReturnType<typeof loadConfig>> {
  const directory = await makeDirectory()
  if (part.file !== undefined) await writeFile(join(directory, 'tidemark.config.json'), part.file)
  return loadConfig({ flags: part.flags ?? {}, env: part.env ?? {}, directory })
}

test('the defaults are the documented ones', async () => {
  expect(await load()).toMatchObject({
    host: '127.0.0.1',
    port: 7070,
    durability: 'fsync',
    heartbeat: 15_000,
    maxSessions: 10_000,
    maxTopicSetsBytes: 256 * 1024 * 1024,
    maxEventBytes: 1024 ** 2,
    maxRequestBytes: 8 * 1024 ** 2,
    retention: { maxAge: 86_400_000, maxBytes: 1024 ** 3, rules: [] },
  })
})

test('every option’s documented default is its default', async () => {
  // An empty key is refused: see the settings of access.
  const given = configOptions.filter((option) => option.default !== '')
  const flags = Object.fromEntries(given.map((option) => [option.flag, option.default]))
  const { data: _, ...documented } = await load({ flags })
  expect(await load()).toMatchObject(documented)
})

/** Lists of objects have no flag. */
const fileOnly = [
  'auth.issuers',
  'auth.roles',
  'delivery.rules',
  'presence.rules',
  'retention.rules',
  'rules.compression',
  'rules.rate',
  'rules.startAt',
  'rules.subscribers',
  'webhooks',
]

describe('the README of the command line', () => {
  /** Which settings it must name. */
  const paths = [...configOptions.map(({ path }) => path.join('.')), ...fileOnly]

  async function readConfiguration(): Promise<string> {
    const text = await readFile(new URL('../../cli/README.md', import.meta.url), 'utf8')
    return /^## Configuration\n([^]*?)^## /m.exec(text)?.[1] ?? ''
  }

  test('shows every setting, with the default it has', async () => {
    const [, json = ''] = /```json\n([^]*?)```/.exec(await readConfiguration()) ?? []
    expect(listPaths(JSON.parse(json)).toSorted()).toEqual(paths.toSorted())
    const directory = await makeDirectory()
    const initial = loadConfig({ flags: {}, env: {}, directory })
    await writeFile(join(directory, 'tidemark.config.json'), json)
    expect(loadConfig({ flags: {}, env: {}, directory })).toEqual(initial)
  })

  test('has every setting and its default in its table', async () => {
    const text = await readConfiguration()
    for (const path of paths) expect(text).toMatch(new RegExp(`^\\| .*\`${path}\``, 'm'))
    for (const { path, default: initial } of configOptions) {
      const shown = initial === '' ? 'none' : `\`${initial}\``
      expect(text).toContain(`| \`${path.join('.')}\` | ${shown} |`)
    }
  })
})

function listPaths(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return ['']
  if (Object.keys(value).length === 0) return ['']
  return Object.entries(value).flatMap(([name, inner]) =>
    listPaths(inner).map((path) => (path === '' ? name : `${name}.${path}`)),
  )
}

test('flags beat variables beat the file beat the defaults', async () => {
  const file = '{"port":1,"heartbeat":"1s","retention":{"maxAge":"1h","maxBytes":"2MiB"}}'
  const env = { TIDEMARK_PORT: '2', TIDEMARK_RETENTION_MAX_AGE: '2h' }
  expect(await load({ file, env, flags: { port: '3' } })).toMatchObject({
    port: 3,
    heartbeat: 1_000,
    retention: { maxAge: 7_200_000, maxBytes: 2 * 1024 ** 2 },
  })
})

test.each([
  [{ flags: { prot: '1' } }, /--prot; did you mean port\?/],
  [{ env: { TIDEMARK_PROT: '1' } }, /TIDEMARK_PROT; did you mean TIDEMARK_PORT\?/],
  [{ file: '{"prot":1}' }, /prot; did you mean port\?/],
  [{ file: '{"retention":{"maxage":1}}' }, /retention\.maxage; did you mean maxAge\?/],
  [{ file: '{"retention":{"rules":[{"patern":"a/**"}]}}' }, /did you mean pattern\?/],
  [{ file: '{"retention":{"rules":[{"pattern":"a//b"}]}}' }, /pattern/],
  [{ flags: { port: '70000' } }, /port must be a whole number from 0 to 65535; got "70000"/],
  [{ flags: { port: 'http' } }, /port must be a whole number/],
  [{ flags: { heartbeat: '15' } }, /heartbeat must be a duration such as 15s, .*; got "15"/],
  [{ flags: { 'retention-max-bytes': '10' } }, /a size such as 1GiB/],
  [{ flags: { durability: 'maybe' } }, /fsync or commit/],
  [{ flags: { port: '0x1f' } }, /port must be a whole number/],
  [{ flags: { port: '' } }, /port must be a whole number/],
  [{ flags: { heartbeat: '1000d' } }, /from 100ms to 1h/],
  [{ flags: { 'flush-window': '101ms' } }, /flush.window must be adaptive, or a duration from 0ms/],
  [
    { flags: { 'flush-window-max': '1s' } },
    /flush.windowMax must be a duration .* from 0ms to 100ms; got "1s"/,
  ],
  [{ flags: { 'flush-events': '0' } }, /flush.events must be a whole number from 1 to 1000000/],
  [{ flags: { 'stalled-after': '10ms' } }, /stalledAfter must be a duration .* from 100ms to 24h/],
  [
    { flags: { 'delivery-events-per-second-max': '0' } },
    /delivery.eventsPerSecondMax must be none, or a number from 1 to 1000000/,
  ],
  [
    { file: '{"delivery":{"rules":[{"pattern":"a//b","whenLagging":"drop"}]}}' },
    /delivery.rules.0.pattern must be a topic or a pattern/,
  ],
  [
    { file: '{"delivery":{"rules":[{"pattern":"a","whenLagging":"forget"}]}}' },
    /whenLagging must be delay, conflate, drop, disconnect; got "forget"/,
  ],
  [
    { file: '{"delivery":{"rules":[{"pattern":"a","when":1}]}}' },
    /no setting delivery.rules.0.when/,
  ],
  [
    { file: '{"delivery":{"eventsPerSecondMax":true}}' },
    /eventsPerSecondMax must be none, or a number from 1 to 1000000; got true/,
  ],
  [
    { flags: { 'delivery-events-per-second-max': '0x10' } },
    /must be none, or a number from 1 to 1000000; got "0x10"/,
  ],
  [{ file: '{"flush":7}' }, /flush must be an object such as {"window": "10ms"}; got 7/],
  [{ file: '{"tls":true}' }, /tls must be an object such as {"cert": .*; got true/],
  [{ file: '{"delivery":[]}' }, /delivery must be an object such as {"eventsPerSecondMax": 100}/],
  [{ file: '{"retention":"7d"}' }, /retention must be an object such as {"maxAge": "7d"}/],
  [
    { file: '{"delivery":{"rules":{}}}' },
    /delivery.rules must be a list of at most 1000 rules such as {"pattern"/,
  ],
  [
    {
      file: `{"delivery":{"rules":[${Array(1_001).fill('{"pattern":"a","whenLagging":"drop"}').join()}]}}`,
    },
    /delivery.rules must be a list of at most 1000 rules/,
  ],
  [{ file: '{"delivery":{"rules":["a"]}}' }, /delivery.rules.0 must be an object such as {/],
  [
    { file: '{"retention":{"rules":{}}}' },
    /retention.rules must be a list of at most 998 rules such as {/,
  ],
  [{ file: '{"retention":{"rules":[{"pattern":7}]}}' }, /rules.0.pattern must be a topic or/],
  [{ file: '{"flush":{"window":true}}' }, /flush.window must be adaptive, or a duration from 0ms/],
  [{ flags: { 'flush-window': 'x' } }, /flush.window must be adaptive, or a duration from 0ms/],
  [
    { flags: { 'flush-bytes': '65MiB' } },
    /flush.bytes must be a size .* from 1B to 64MiB; got "65MiB"/,
  ],
  [{ flags: { 'flush-bytes': '0B' } }, /flush.bytes must be a size .* from 1B to 64MiB/],
  [{ flags: { 'max-event-bytes': '16MiB' } }, /maxRequestBytes must be as large as/],
  [{ flags: { 'flush-events': '0' } }, /got "0" from --flush-events \(counted in events\)/],
  [
    { env: { TIDEMARK_HEARTBEAT: '15' } },
    /"15" from TIDEMARK_HEARTBEAT \(units: ms, s, m, h, d; whole ms\)/,
  ],
  [{ file: '{"maxSessions":0}' }, /got 0 from \S*tidemark\.config\.json \(counted in sessions\)/],
  [
    { file: '{"retention":{"rules":[{"pattern":"a","maxBytes":true}]}}' },
    /got true from \S*tidemark\.config\.json \(units: B, KB, /,
  ],
  [{ flags: { data: 'redis://localhost' } }, /data must be a directory .*, or memory:; got redis:/],
  [{ flags: { data: 'redis:' } }, /data must be a directory .*, or memory:; got redis:/],
  [{ flags: { data: 'memory:x' } }, /got memory:/],
  [{ flags: { data: 'Memory:' } }, /got Memory:/],
  [{ flags: { 'flush-window': '0.5ms' } }, /got "0.5ms" .*whole ms/],
  [{ file: '{"retention":{"maxAge":1000.5}}' }, /got 1000.5 .*whole ms/],
  [{ file: '{"retention":{"maxBytes":"2TiB"}}' }, /retention.maxBytes must be .* to 512GiB/],
  [{ file: '{"maxEventBytes":1e300}' }, /maxEventBytes must be .* to 64MiB; got 1e\+300/],
  [
    { file: '{"retention":{"maxAge":"7d"},"port":1,"retention":{}}' },
    /retention is given twice in \S+tidemark.config.json/,
  ],
  [{ file: '{"flush":{"events":1, "\\u0065vents":2}}' }, /flush.events is given twice/],
  [{ file: '{"tls":{"cert":"a"}}' }, /tls must name both, cert and key, or neither\.$/],
  [{ flags: { prot: '1' } }, /did you mean port\?$/],
  [{ file: '{"$schema":7}' }, /\$schema must be a text/],
])('%j is refused with what to do', async (part, message) => {
  await expect(load(part)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(message) as string,
  })
})

test.each(['not json', '[1]', '"x"'])('the file %s is refused', async (file) => {
  await expect(load({ file })).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' })
})

test('the password in the address of a log that there is not is kept out of the message', async () => {
  await expect(load({ flags: { data: 'redis://user:hunter2@localhost' } })).rejects.toThrow(
    /^(?!.*hunter2).*got redis:/,
  )
})

test('a file may name its schema, which editors look for', async () => {
  expect(await load({ file: '{"$schema":"./config.schema.json","port":1}' })).toEqual({
    ...(await load({ flags: { port: '1' } })),
    data: expect.stringMatching(/tidemark-data$/) as string,
  })
})

test('a file that an editor of Windows has begun with a byte order mark is read', async () => {
  expect(await load({ file: '\uFEFF{"port":1}' })).toMatchObject({ port: 1 })
})

test('a hub beside a service of Kubernetes that has its name starts, and takes none of its variables', async () => {
  const env = {
    TIDEMARK_SERVICE_HOST: '10.96.0.7',
    TIDEMARK_SERVICE_PORT: '7070',
    TIDEMARK_SERVICE_PORT_HTTP: '7070',
    TIDEMARK_PORT: 'tcp://10.96.0.7:7070',
    TIDEMARK_PORT_7070_TCP: 'tcp://10.96.0.7:7070',
    TIDEMARK_PORT_7070_TCP_PROTO: 'tcp',
    TIDEMARK_PORT_7070_TCP_PORT: '7070',
    TIDEMARK_PORT_7070_TCP_ADDR: '10.96.0.7',
    TIDEMARK_EVENTS_SERVICE_HOST: '10.96.0.8',
  }
  expect(await load({ env: { ...env, TIDEMARK_HEARTBEAT: '1s' } })).toMatchObject({
    port: 7070,
    heartbeat: 1_000,
  })
})

test('an empty variable, as a compose file leaves it, counts as none', async () => {
  expect(await load({ env: { TIDEMARK_PORT: '' } })).toMatchObject({ port: 7070 })
})

test('a wrong file of TLS is told as that, and not as a missing one too', async () => {
  await expect(load({ file: '{"tls":{"cert":7}}' })).rejects.toThrow(
    /^(?!.*must name both).*tls\.cert must be a file in PEM; got 7/,
  )
})

test('several faults are told at once', async () => {
  await expect(load({ flags: { port: 'x', durability: 'y' } })).rejects.toThrow(
    /port .*; durability /,
  )
})

test('without authentication the hub does not listen beyond this machine, unless told so in words', async () => {
  const config = await load({ flags: { host: '0.0.0.0', port: '0', data: 'memory:' } })
  await expect(startHub(config)).rejects.toMatchObject({
    code: 'HOST_NEEDS_AUTH',
    message: expect.stringMatching(
      /\n {2}\(umask 077; openssl rand .*\n {2}tidemark serve --host 0\.0\.0\.0 --auth-secret .*\n {2}tidemark token /,
    ),
  })
  const hub = await startHub({ ...config, insecure: true })
  await hub.close()
})

test('a port in use is said with its number', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const config = await load({ flags: { port: String(port), data: 'memory:' } })
  await expect(startHub(config)).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    message: expect.stringContaining(String(port)) as string,
  })
  other.close()
})

test('a directory held by a hub with another durability is refused', async () => {
  const data = await makeDirectory()
  const first = await startHub(await load({ flags: { port: '0', data } }), {
    onLine: () => undefined,
  })
  const other = await load({ flags: { port: '0', data, durability: 'commit' } })
  await expect(startHub(other)).rejects.toMatchObject({ code: 'LOG_SETTINGS_DIFFER' })
  await first.close()
  const second = await startHub(other, { onLine: () => undefined })
  await second.close()
})

test('a hub with an edited configuration says that its rules are in force, and one whose rules were changed since says that', async () => {
  const data = await makeDirectory()
  const start = async (flags: Readonly<Record<string, string>>) => {
    const lines: string[] = []
    const onLine = (line: string) => lines.push(line)
    const hub = await startHub(await load({ flags: { port: '0', data, ...flags } }), { onLine })
    await hub.close()
    return lines.filter((line) => line.includes('etention'))
  }
  expect(await start({})).toEqual([])
  const [edited] = await start({ 'retention-max-age': '1h' })
  expect(edited).toMatch(/configured retention .* in force from now on/)
  expect(await start({ 'retention-max-age': '1h' })).toEqual([])
  // As the hub configures it, with the rules for its own events.
  const retention = { maxAgeMs: 3_600_000, rules: toKeptRules([]) }
  const log = await openLmdbLog({ directory: data, retention })
  await changeRetention(log, { ...log.retention, maxAgeMs: 1_000 })
  await log.close()
  const [changed] = await start({ 'retention-max-age': '1h' })
  expect(changed).toMatch(/changed at run time/)
})

test('a worker that replaces a dead one puts back neither retention nor lag rules that another hub has replaced since', async () => {
  const data = await makeDirectory()
  const lines: string[] = []
  const say = (line: string): void => void lines.push(line)
  const startWith = async (whenLagging: 'drop' | 'conflate', share?: WorkerShare) => {
    const config = await load({ flags: { port: '0', data } })
    const rules = [{ pattern: 'm', whenLagging }]
    const retention = { ...config.retention, rules: [{ pattern: whenLagging, maxEvents: 1 }] }
    return startNode({ ...config, retention, delivery: { ...config.delivery, rules } }, say, {
      share,
    })
  }
  const first = await startWith('drop')
  const second = await startWith('conflate')
  const listen = (): Promise<string> => Promise.resolve('http://localhost')
  const readStats = (): Promise<NodeStats> => Promise.resolve(emptyStats)
  const log = { place: first.place, seen: first.seen, onSeen: () => undefined }
  const counts = new LocalCounts<string>(planCounts(await load({ flags: {} })), {
    clock: systemClock,
    clearDead: () => Promise.resolve(),
  }).of('own')
  const share = { listen, readStats, counts, drainSessionsPerSecond: 1, log }
  const worker = await startWith('drop', share)
  const own = await openLmdbLog({ directory: data })
  const { first: after, head: upTo } = await own.bounds()
  const query = { topics: parseTopicSet(['$hub/state/rules']), after, upTo, limit: 9 }
  const { records } = await own.read(query)
  expect(records.map(({ data: text }) => text).join()).not.toMatch(/"drop"/)
  expect(new Set(records.map(({ key }) => key))).toEqual(
    new Set(['lag', 'lag.configured', 'retention']),
  )
  expect(lines.filter((line) => line.includes('in force from now on'))).toHaveLength(1)
  await own.close()
  for (const hub of [first, second, worker]) await hub.close()
})

test('workers share out the sessions of a hub and the memory for their topics, and each can hold the largest set', async () => {
  const config = await load({ flags: { workers: '3', 'max-sessions': '10000' } })
  expect(planShare(config)).toMatchObject({
    workers: 1,
    maxSessions: 3_334,
    maxTopicSetsBytes: Math.ceil((256 * 1024 * 1024) / 3),
  })
  const many = await load({ flags: { workers: '64', 'max-topic-sets-bytes': '64MiB' } })
  expect(planShare(many).maxTopicSetsBytes).toBe(4 * 1024 * 1024)
})
