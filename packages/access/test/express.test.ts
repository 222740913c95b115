// An Express application with its streams below a path of its own.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { Response } from 'express'
import { memoryLog } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import { describeRequest } from '@tidemark/server/node'
import { askHttp, streamHttp } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { createAccess } from '../src/index.ts'
import { secret, signToken, withoutClaim } from './support/two-nodes.ts'

function answerWith(response: Response): (change: { readonly setCookie: string }) => Response {
  return ({ setCookie }) => response.setHeader('Set-Cookie', setCookie).status(204).end()
}

async function startApplication(): Promise<number> {
  const log = memoryLog()
  const access = createAccess({
    log,
    tokens: [{ secret }],
    withoutClaim,
    cookie: { path: '/live' },
  })
  const tide = createTidemark({ log, authorize: access.authorize })
  access.follow(tide)
  const live = express.Router()
  live.get('/events', (request, response) => void tide.subscribe(request, response))
  live.post('/session', (request, response, next) => {
    access.openSession(describeRequest(request)).then(answerWith(response), next)
  })
  live.delete('/session', (request, response, next) => {
    access.closeSession(describeRequest(request)).then(answerWith(response), next)
  })
  live.get('/tickets/redirect', (request, response, next) => {
    access
      .issueTicket(describeRequest(request), '../events')
      .then(({ url }) => response.redirect(303, url), next)
  })
  const server = express().use('/live', live).listen(0, '127.0.0.1')
  onTestFinished(async () => {
    access.close()
    await tide.close()
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

test('signs in, opens streams by a cookie and by a ticket, and ends them with the log-out', async () => {
  const port = await startApplication()
  const headers = { Authorization: `Bearer ${await signToken()}` }
  const opened = await askHttp(port, { method: 'POST', path: '/live/session', headers })
  const [line = ''] = opened.headers['set-cookie'] ?? []
  expect(line).toContain('; Path=/live; ')
  const [cookie = ''] = line.split(';', 1)
  const led = await askHttp(port, {
    method: 'GET',
    path: '/live/tickets/redirect?topic=a',
    headers: { Cookie: cookie },
  })
  expect(led.status).toBe(303)
  const { pathname, search } = new URL(led.headers.location ?? '', 'http://a/live/tickets/redirect')
  expect(pathname).toBe('/live/events')
  const streams = [
    await streamHttp(port, '/live/events?topic=a', { Cookie: cookie }),
    await streamHttp(port, pathname + search),
  ]
  const { status } = await askHttp(port, {
    method: 'DELETE',
    path: '/live/session',
    headers: { Cookie: cookie, 'Sec-Fetch-Site': 'same-origin' },
  })
  expect(status).toBe(204)
  await Promise.all(streams.map(({ ended }) => ended))
  expect(streams.map(({ byes }) => byes)).toEqual([['revoked'], ['revoked']])
})
