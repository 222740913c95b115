// Where webhooks are not sent: this machine and the networks around it.

import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { parseIpAddress } from '@tidemark/access/hub'
import { parseTopicSet, systemClock } from '@tidemark/log'
import { expect, onTestFinished, test } from 'vitest'
import { checkSettings } from '../src/config/check-config.ts'
import { describeExposure } from '../src/exposure.ts'
import { loadConfig } from '../src/index.ts'
import { checkReceivers } from '../src/webhooks/check-receivers.ts'
import { Poster } from '../src/webhooks/post-message.ts'
import { isPrivateAddress } from '../src/webhooks/receiver-address.ts'
import { planWebhooks } from '../src/webhooks/webhook.ts'
import type { Webhook } from '../src/webhooks/webhook.ts'
import { makeDirectory } from './support/test-hub.ts'
import { secret } from './support/webhook-receiver.ts'

const isPrivate = (text: string): boolean => {
  const address = parseIpAddress(text)
  if (address === undefined) throw new Error(`No address: ${text}`)
  return isPrivateAddress(address)
}

test.each([
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.170',
  '192.168.1.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:a9fe:a9fe',
  '::127.0.0.1',
  '64:ff9b::7f00:1',
  'fd00:ec2::254',
  'fc00::1',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::',
])('%s is no address of the internet', (text) => {
  expect(isPrivate(text)).toBe(true)
})

test.each(['1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001:800::200e'])(
  '%s is one',
  (text) => {
    expect(isPrivate(text)).toBe(false)
  },
)

test('addresses of this machine are refused, whatever network they are of', () => {
  const own = Object.values(networkInterfaces()).flatMap((some) => some ?? [])
  expect(own.length).toBeGreaterThan(0)
  for (const { address } of own) expect(isPrivate(address)).toBe(true)
})

const webhook = (url: string, more: object = {}): object => ({
  id: 'billing',
  url,
  secret,
  pattern: 'orders/**',
  ...more,
})

function faultsOf(given: object): readonly unknown[] {
  return checkSettings({ webhooks: [given] }).faults ?? []
}

test.each([
  'https://127.0.0.1/hook',
  'https://127.1/hook',
  'https://2130706433/',
  'https://0x7f000001/',
  'https://0177.0.0.1/',
  'https://[::1]:8080/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:7f00:1]/',
  'https://169.254.169.254/latest/meta-data',
  'https://[fd00:ec2::254]/',
  'https://10.0.0.8/hook?token=hidden',
])('a hub does not start with a webhook to %s', (url) => {
  const faults = faultsOf(webhook(url))
  expect(faults).toMatchObject([{ path: ['webhooks', '0', 'url'] }])
  expect(JSON.stringify(faults)).not.toContain('hidden')
  expect(faultsOf(webhook(url, { allowPrivate: true }))).toEqual([])
})

test('a name that leads to this machine is refused when the hub starts', async () => {
  for (const url of ['https://localhost/hook', 'https://localhost:8443/']) {
    const checked = checkSettings({ webhooks: [webhook(url)] })
    if (checked.faults !== undefined) throw new Error('The name alone is no fault.')
    const started = checkReceivers(checked.config, { clock: systemClock, say: () => undefined })
    await expect(started).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('an address of this machine') as string,
    })
  }
})

test('a name that cannot be resolved is told of, and the hub starts', async () => {
  const checked = checkSettings({ webhooks: [webhook('https://nowhere.invalid/hook')] })
  if (checked.faults !== undefined) throw new Error('There is no fault.')
  const lines: string[] = []
  await checkReceivers(checked.config, { clock: systemClock, say: (line) => lines.push(line) })
  expect(lines).toMatchObject([expect.stringContaining('billing')])
})

test.each(['localhost', '127.0.0.1', '[::1]', '[::ffff:127.0.0.1]'])(
  'each attempt looks again: what was a public address yesterday and is %s now gets no connection',
  async (host) => {
    let connections = 0
    const server = createServer((socket) => {
      connections++
      socket.destroy()
    }).listen(0, '::')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    for (const protocol of ['http', 'https']) {
      const given: Webhook = {
        id: 'billing',
        url: new URL(`${protocol}://${host}:${port}/hook`),
        secret,
        topics: parseTopicSet(['orders/**']),
        events: new Set(['event']),
        allowPrivate: false,
        config: { id: 'billing', url: '', secret },
      }
      const poster = new Poster(given, systemClock)
      const message = { id: 'a', cursor: 'c', topic: 't', type: 'event', body: '{}' }
      const outcome = await poster.post(message, new AbortController().signal)
      expect(outcome).toMatchObject({
        kind: 'failed',
        error: expect.stringContaining('an address of this machine') as string,
      })
      poster.close()
    }
    expect(connections).toBe(0)
  },
)

test.each<[string, object, string]>([
  ['no URL', { url: 'billing' }, 'url'],
  ['another protocol', { url: 'ftp://example.org/' }, 'url'],
  ['http: without allowPrivate', { url: 'http://example.org/' }, 'url'],
  ['a password in the URL', { url: 'https://a:b@example.org/' }, 'url'],
  ['a fragment in the URL', { url: 'https://example.org/#a' }, 'url'],
  ['an id with a slash', { id: 'a/b' }, 'id'],
  ['an id that is too long', { id: 'a'.repeat(33) }, 'id'],
  ['a secret that is no base64', { secret: 'whsec_ä' }, 'secret'],
  ['a secret that is too short', { secret: 'whsec_c2hvcnQ=' }, 'secret'],
  ['no topics', { pattern: undefined }, 'pattern'],
  ["the hub's own topics", { pattern: '$hub/**' }, 'pattern'],
  ['no events', { events: [] }, 'events'],
  ['an event that does not exist', { events: ['session.opened'] }, 'events'],
  ['an unknown member', { retries: 3 }, 'retries'],
])('a webhook with %s is refused, and its secret is not shown', (_, part, name) => {
  const faults = faultsOf({ ...webhook('https://example.org/hook'), ...part })
  expect(faults).toMatchObject([{ path: ['webhooks', '0', name] }])
  expect(JSON.stringify(faults)).not.toContain(secret)
})

test('two webhooks of one id are refused', () => {
  const one = webhook('https://example.org/hook')
  expect(checkSettings({ webhooks: [one, one] }).faults).toMatchObject([
    { path: ['webhooks', '1', 'id'] },
  ])
})

test('a secret in a file is found beside the configuration, and one that everybody may read is told of', async () => {
  const directory = await makeDirectory()
  await writeFile(join(directory, 'hook.secret'), `${secret}\n`, { mode: 0o644 })
  await writeFile(
    join(directory, 'tidemark.config.json'),
    JSON.stringify({ webhooks: [webhook('https://example.org/', { secret: '@hook.secret' })] }),
  )
  const config = loadConfig({ flags: {}, env: {}, directory })
  expect(await planWebhooks(config)).toMatchObject([{ secret }])
  expect(describeExposure(config)).toMatchObject([
    expect.stringContaining(`may read ${join(directory, 'hook.secret')}`),
  ])
  await writeFile(join(directory, 'hook.secret'), 'short')
  await expect(planWebhooks(config)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('webhooks.0.secret must be whsec_') as string,
  })
  await rm(join(directory, 'hook.secret'))
  await expect(planWebhooks(config)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})
