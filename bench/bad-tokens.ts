// Ten thousand bad tokens at once: how long good clients wait meanwhile.
//
// Run: npm run build && npm run bench -- bad-tokens [--rounds=5] [--count=10000] [--seconds=4] [--rate=0]
//
// A hub takes tokens by a secret (HS256) and by a key (ES256). 20 good streams get an event every 10 ms.
// Every 10 ms another good stream opens, with a token that the hub has not seen. Attackers send bad tokens,
// all under way at once or at a rate. Their connections are open before, or new. The process of the attackers
// has the lowest priority. The control are as many requests for `/livez`, which cost a hub as little as any.
// Attackers come through a trusted proxy, from 100 addresses. One hub bans nobody; the other bans by default.
// Figures are of the time in which the attack lasted; ratios are medians of those within one round.

import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { readCpu, startHubProcess } from '@tidemark/testkit'
import type { HubProcess } from '@tidemark/testkit'
import { AttackProcess } from './support/attack-process.ts'
import type { Report } from './support/attackers.ts'
import { withDirectory } from './support/directory.ts'
import { readFlag } from './support/flags.ts'
import { GoodClients } from './support/good-clients.ts'
import { median, quantile, tableRow } from './support/statistics.ts'

const rounds = Number(readFlag('rounds') ?? 5)
const count = Number(readFlag('count') ?? 10_000)
const seconds = Number(readFlag('seconds') ?? 4)
const rate = Number(readFlag('rate') ?? 0)
const secret = 'a secret of the benchmark, with more than 32 bytes'
const widths = [44, 8, 8, 10, 8, 8, 10, 8, 8]

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const { privateKey: stranger } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

type Sign = (text: string) => string
const byHash =
  (key: string): Sign =>
  (text) =>
    createHmac('sha256', key).update(text).digest('base64url')
const byKey =
  (key: typeof privateKey): Sign =>
  (text) =>
    sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')

const now = Math.floor(Date.now() / 1_000)

function makeToken(
  alg: 'ES256' | 'HS256',
  sub: string,
  { signer, exp = now + 3_600 }: { readonly signer: Sign; readonly exp?: number },
): string {
  const tidemark = { subscribe: ['bench/*'], publish: ['bench/*'] }
  const claims = { iss: alg, sub, iat: now - 7_200, exp, tidemark }
  const text = [{ alg, typ: 'JWT' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${text}.${signer(text)}`
}

const asBearer = (token: string): string => `Authorization: Bearer ${token}\r\n`
const bad: Readonly<Record<string, (i: number) => string>> = {
  'HS256, wrong signature': (i) =>
    makeToken('HS256', `bad-${i}`, {
      signer: byHash('somebody else’s secret, of 32 bytes or more'),
    }),
  'ES256, wrong signature': (i) => makeToken('ES256', `bad-${i}`, { signer: byKey(stranger) }),
  expired: (i) => makeToken('HS256', `bad-${i}`, { signer: byHash(secret), exp: now - 3_600 }),
  garbage: (i) => `garbage.${i}.garbage`,
}

interface Attack {
  readonly name: string
  readonly requests: readonly string[]
  readonly isNew: boolean
  /** Against the hub that bans. */
  readonly isBanned?: boolean
}

function makeRequests(path: string, fields: (i: number) => string): readonly string[] {
  const from = (i: number): string => `X-Forwarded-For: 203.0.113.${i % 100}\r\n`
  return Array.from(
    { length: 1_000 },
    (_, i) =>
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n${from(i)}${fields(i)}\r\n`,
  )
}

const livez = makeRequests('/livez', () => '')
const only = readFlag('only')
const everything: readonly Attack[] = [
  { name: 'nobody', requests: [], isNew: false },
  { name: '/livez, connections kept', requests: livez, isNew: false },
  ...Object.entries(bad).map(([name, make]) => ({
    name: `${name}, kept`,
    requests: makeRequests('/events?topic=bench/1', (i) => asBearer(make(i))),
    isNew: false,
  })),
  { name: '/livez, connections new', requests: livez, isNew: true },
  ...Object.entries(bad)
    .slice(0, 2)
    .map(([name, make]) => ({
      name: `${name}, new`,
      requests: makeRequests('/events?topic=bench/1', (i) => asBearer(make(i))),
      isNew: true,
    })),
  {
    name: 'HS256, banned, new',
    requests: makeRequests('/events?topic=bench/1', (i) =>
      asBearer(bad['HS256, wrong signature']?.(i) ?? ''),
    ),
    isNew: true,
    isBanned: true,
  },
]

const attacks = everything.filter(
  ({ name }) => only === undefined || name === 'nobody' || name.includes(only),
)

interface Figures {
  readonly tookMs: number
  readonly cpuMs: number
  readonly delivery: readonly [number, number]
  readonly opening: readonly [number, number]
}

const results = new Map<string, Figures[]>(attacks.map(({ name }) => [name, []]))
const statuses = new Map<string, unknown>()
const isAtFirst = ({ isBanned = false }: Attack): boolean => !isBanned
await attackHub(attacks.filter(isAtFirst), 'none')
await attackHub(
  attacks.filter((attack) => !isAtFirst(attack)),
  undefined,
)
print(results, statuses)

/** Measures attacks on a hub of their own. */
async function attackHub(own: readonly Attack[], banAfter: 'none' | undefined): Promise<void> {
  await withDirectory(async (directory) => {
    const hub = await startHub(directory, banAfter)
    const attackers = new AttackProcess(19)
    const clients = await GoodClients.open({
      port: hub.port,
      streams: 20,
      pauseMs: 10,
      headersFor: (i) => ({
        Authorization: `Bearer ${makeToken('ES256', `good-${i}`, { signer: byKey(privateKey) })}`,
      }),
    })
    try {
      for (let round = -1; round < rounds; round++) {
        for (const attack of own) {
          const { figures, report } = await measure(hub, { attackers, clients, attack })
          statuses.set(attack.name, report?.statuses ?? {})
          if (round >= 0) results.get(attack.name)?.push(figures)
        }
      }
    } finally {
      clients.leave()
      attackers.end()
      await hub.kill('SIGKILL')
    }
  })
}

function startHub(directory: string, banAfter: 'none' | undefined): Promise<HubProcess> {
  const pem = publicKey.export({ type: 'spki', format: 'pem' })
  writeFileSync(`${directory}/key.pem`, pem)
  const issuers = [
    { issuer: 'HS256', secret },
    { issuer: 'ES256', publicKey: `${directory}/key.pem` },
  ]
  const settings = { auth: { issuers }, addresses: { trustProxy: ['127.0.0.0/8'], banAfter } }
  const config = `${directory}/tidemark.config.json`
  writeFileSync(config, JSON.stringify(settings))
  return startHubProcess({
    dataDirectory: `${directory}/data`,
    args: [`--config=${config}`, '--max-sessions=12000', '--limits-sessions-per-user=none'],
  })
}

async function measure(
  { port, pid = 0 }: HubProcess,
  {
    attackers,
    clients,
    attack,
  }: { readonly attackers: AttackProcess; readonly clients: GoodClients; readonly attack: Attack },
): Promise<{ readonly figures: Figures; readonly report: Report | undefined }> {
  if (attack.requests.length > 0)
    await attackers.send({ ...attack, port, count, rate, isWarmUp: true, isHalf: false })
  const before = cpuMs(pid)
  const began = performance.now()
  const { requests, isNew } = attack
  const isQuiet = requests.length === 0
  const sent = isQuiet
    ? undefined
    : attackers.send({ port, requests, count, isNew, rate, isWarmUp: false, isHalf: false })
  const got = await clients.measure(sent ?? Promise.resolve(), isQuiet ? seconds * 1_000 : 0)
  const report = await sent
  const tookMs = report?.tookMs ?? performance.now() - began
  const spread = (values: readonly number[]): [number, number] => [
    median(values),
    quantile(values, 0.99),
  ]
  const figures = {
    tookMs,
    cpuMs: cpuMs(pid) - before,
    delivery: spread(got.deliveries),
    opening: spread(got.openings),
  }
  return { figures, report }
}

function cpuMs(pid: number): number {
  const { userMs, systemMs } = readCpu([pid])
  return userMs + systemMs
}

function print(
  results: ReadonlyMap<string, readonly Figures[]>,
  statuses: ReadonlyMap<string, unknown>,
): void {
  const quiet = results.get('nobody') ?? []
  console.log(
    `${count} requests, ${rate === 0 ? 'all at once' : `${rate} per second`}; medians of ${rounds} rounds`,
  )
  console.log('milliseconds of the attack, of delivery and of opening (p50, p99, ratio of p99)')
  console.log(
    tableRow(
      ['', 'took', 'CPU', 'delivery', 'p99', 'ratio', 'opening', 'p99', 'ratio'],
      [44, 8, 8, 10, 8, 8, 10, 8, 8],
    ),
  )
  for (const [name, figures] of results) {
    const middle = (read: (one: Figures, i: number) => number, digits = 1): string =>
      median(figures.map(read)).toFixed(digits)
    const cells = [
      middle(({ tookMs }) => tookMs, 0),
      middle((one) => one.cpuMs, 0),
      middle(({ delivery }) => delivery[0]),
      middle(({ delivery }) => delivery[1]),
      middle(({ delivery }, i) => delivery[1] / (quiet[i]?.delivery[1] ?? Number.NaN)),
      middle(({ opening }) => opening[0]),
      middle(({ opening }) => opening[1]),
      middle(({ opening }, i) => opening[1] / (quiet[i]?.opening[1] ?? Number.NaN)),
    ]
    console.log(tableRow([name, ...cells], widths), JSON.stringify(statuses.get(name)))
  }
}
