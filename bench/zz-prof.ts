import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { readCpu } from '@tidemark/testkit'
const secret = 'a secret of the benchmark, with more than 32 bytes'
const now = Math.floor(Date.now() / 1000)
const kind = process.argv[2]
const tok = (i: number) => {
  const text = [
    { alg: 'HS256', typ: 'JWT' },
    {
      iss: 'HS256',
      sub: `bad-${i}`,
      iat: now - 7200,
      exp: now + 3600,
      tidemark: { subscribe: ['bench/*'] },
    },
  ]
    .map((p) => Buffer.from(JSON.stringify(p)).toString('base64url'))
    .join('.')
  return `${text}.${createHmac('sha256', 'x'.repeat(40)).update(text).digest('base64url')}`
}
const d = '/tmp/wt/prof'
writeFileSync(
  `${d}/c.json`,
  JSON.stringify({
    auth: { issuers: [{ issuer: 'HS256', secret }] },
    addresses: { trustProxy: ['127.0.0.0/8'] },
  }),
)
const prof = process.argv.includes('--prof') ? ['--cpu-prof', `--cpu-prof-dir=${d}`] : []
const hub = spawn(
  process.execPath,
  [
    ...prof,
    'packages/cli/dist/main.js',
    'serve',
    '--port=17777',
    '--data=memory:',
    `--config=${d}/c.json`,
    '--max-sessions=12000',
  ],
  { stdio: 'inherit' },
)
await new Promise((r) => setTimeout(r, 2000))
const a = spawn(process.execPath, ['bench/support/attackers.ts'], {
  stdio: ['pipe', 'pipe', 'inherit'],
})
const answers = createInterface({ input: a.stdout })[Symbol.asyncIterator]()
const path = kind === 'livez' ? '/livez' : '/events?topic=bench/1'
const requests = Array.from(
  { length: 1000 },
  (_, i) =>
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n${kind === 'livez' ? '' : `Authorization: Bearer ${kind === 'garbage' ? 'garbage' : tok(i)}\r\n`}\r\n`,
)
const send = async (o: object) => {
  a.stdin.write(
    JSON.stringify({
      port: 17777,
      requests,
      count: 3000,
      isNew: false,
      rate: 0,
      isWarmUp: false,
      ...o,
    }) + '\n',
  )
  return (await answers.next()).value
}
await send({ isWarmUp: true })
for (let i = 0; i < 6; i++) {
  const b = readCpu([hub.pid ?? 0])
  const r = await send({})
  const e = readCpu([hub.pid ?? 0])
  console.log(
    (((e.userMs + e.systemMs - b.userMs - b.systemMs) * 1000) / 3000).toFixed(0),
    'us per request',
    r,
  )
}
a.stdin.end()
hub.kill('SIGTERM')
