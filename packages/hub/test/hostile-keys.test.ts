// Keys at a URL, at the door of a hub: a flood of unknown ones, and a certificate that has ended.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import { startHubProcess } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { makeAuthority } from './support/pki.ts'
import { makeDirectory, startTestHub } from './support/test-hub.ts'
import { makeIssuer } from './support/tokens.ts'
import type { Issuer } from './support/tokens.ts'

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

const ask = async (url: string, token: string): Promise<number> => {
  const headers = { Authorization: `Bearer ${token}` }
  return (await fetch(`${url}/events?topic=users/ada/a`, { method: 'HEAD', headers })).status
}

/** Tokens of an issuer that names its key in a thousand ways. */
async function signUnknown(issuer: Issuer, count: number): Promise<readonly string[]> {
  const token = await issuer.sign({ iss: 'one' })
  const [, ...rest] = token.split('.')
  return Array.from({ length: count }, (_, i) => {
    const head = Buffer.from(JSON.stringify({ alg: 'ES256', kid: `unknown-${i}` }))
    return [head.toString('base64url'), ...rest].join('.')
  })
}

test('a flood of unknown keys asks the issuer once, and good clients are let in meanwhile', async () => {
  const issuer = await makeIssuer('one')
  let requests = 0
  const keys = createServer((_, response) => {
    requests += 1
    response.end(issuer.jwks)
  })
  const jwks = `http://127.0.0.1:${await listen(keys)}/jwks`
  const { url } = await startTestHub({ 'auth-jwks': jwks, 'auth-issuer': 'one' })
  expect(requests).toBe(1)
  const good = await issuer.sign({ iss: 'one' })
  const flood = await signUnknown(issuer, 500)
  const outcomes = await Promise.all(
    flood.map(async (token, i) => [
      await ask(url, token),
      i % 10 === 0 ? await ask(url, good) : undefined,
    ]),
  )
  const [bad, served] = [0, 1].map((at) => new Set(outcomes.map((pair) => pair[at])))
  // A token that may be newer than the keys is told to come back.
  for (const status of bad ?? []) expect([401, 503]).toContain(status)
  expect(served).toEqual(new Set([200, undefined]))
  expect(requests).toBeLessThanOrEqual(2)
})

test('an issuer whose certificate has ended is not believed, and one with a good certificate is', async () => {
  const issuer = await makeIssuer('one')
  const authority = await makeAuthority()
  onTestFinished(() => authority.remove())
  const start = async (days: number): Promise<string> => {
    const { cert, key } = await authority.issue(`of ${days} days`, 'DNS:localhost', days)
    const pair = { cert: readFileSync(cert), key: readFileSync(key) }
    const server = createTlsServer(pair, (_, response) => void response.end(issuer.jwks))
    const jwks = `https://localhost:${await listen(server)}/jwks`
    const hub = await startHubProcess({
      dataDirectory: await makeDirectory(),
      args: [`--auth-jwks=${jwks}`, '--auth-issuer=one'],
      env: { NODE_EXTRA_CA_CERTS: authority.ca },
    })
    onTestFinished(() => hub.stop())
    return hub.url
  }
  expect(await ask(await start(1), await issuer.sign({ iss: 'one' }))).toBe(200)
  await expect(start(0)).rejects.toThrow(/certificate has expired|CERT_HAS_EXPIRED/)
})
