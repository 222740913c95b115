// An application with Express that lets clients in by `createAccess`: the routes of a hub, as somebody would
// write them.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createAccess } from '@tidemark/access'
import type { Access, AccessOptions } from '@tidemark/access'
import { memoryLog } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import type { RequestFacts, Tidemark } from '@tidemark/server'
import { answerError, bringTopicTokens, sendAnswer } from '@tidemark/server/hub'
import { describeRequest } from '@tidemark/server/node'
import express from 'express'
import type { Express, NextFunction, Request, Response } from 'express'

export interface ExpressApp {
  readonly port: number
  readonly access: Access
  readonly tide: Tidemark
}

/** Starts it; the caller stops it. */
export async function startExpressApp(
  options: AccessOptions,
): Promise<ExpressApp & { close(): Promise<void> }> {
  const log = memoryLog()
  const access = createAccess({ log, ...options })
  const tide = createTidemark({ log, authorize: access.authorize })
  access.follow(tide)
  await access.ready
  const server = routesOf({ access, tide }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async (): Promise<void> => {
    access.close()
    await tide.close()
    server.closeAllConnections()
    server.close()
    await log.close()
  }
  return { port, access, tide, close }
}

/** A rejection goes to the handler of errors. */
function handle(
  answer: (request: Request, response: Response) => Promise<unknown>,
): (request: Request, response: Response, next: NextFunction) => void {
  return (request, response, next) => {
    answer(request, response).then(() => undefined, next)
  }
}

function routesOf({ access, tide }: Pick<ExpressApp, 'access' | 'tide'>): Express {
  const app = express()
  const text = express.text({ type: () => true })
  app.get('/events', (request, response) => void tide.subscribe(request, response))
  app.get('/three', (request, response) => {
    void tide.subscribe(request, response, { admit: ({ user }) => keepThree(tide, user) })
  })
  app.post('/events', (request, response) => void tide.subscribe(request, response))
  app.get(
    '/topics/*topic',
    handle(async (request, response) => {
      const by = describeRequest(request)
      response.json(await tide.history({ topic: topicOf(request), by }))
    }),
  )
  app.post(
    '/topics/*topic',
    text,
    handle(async (request, response) => {
      const by = describeRequest(request)
      await tide.publish(topicOf(request), { data: String(request.body) }, { by })
      response.status(204).end()
    }),
  )
  app.get(
    '/stats',
    handle(async (request, response) => {
      await tide.requirePermission(describeRequest(request), 'admin')
      response.json(tide.stats())
    }),
  )
  app.patch(
    '/sessions/:id',
    text,
    handle(async (request, response) => {
      const { token, topicTokens, ...change } = JSON.parse(String(request.body)) as {
        readonly token?: string
        readonly topicTokens?: readonly string[]
        readonly add?: readonly string[]
      }
      const by = bringTopicTokens(bringToken(describeRequest(request), token), topicTokens)
      const session = tide.reach(String(request.params['id']), { by })
      if (token !== undefined) await session.renew({ by })
      if (change.add !== undefined) await session.changeTopics(change)
      response.status(204).end()
    }),
  )
  app.post(
    '/session',
    handle(async (request, response) => {
      const { setCookie } = await access.openSession(describeRequest(request))
      response.setHeader('Set-Cookie', setCookie).status(204).end()
    }),
  )
  app.get(
    '/tickets/redirect',
    handle(async (request, response) => {
      response.redirect(303, (await access.issueTicket(describeRequest(request), '../events')).url)
    }),
  )
  // oxlint-disable-next-line max-params -- Express tells handlers of errors by their four parameters
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    sendAnswer(response, answerError({ error, retryMs: tide.pickRetryMs() }))
  })
  return app
}

/** As the guide to access has it: with the one that comes there are three. */
function keepThree(tide: Tidemark, user: string | undefined): void {
  if (user === undefined) return
  const open = tide.sessions({ user })
  for (const session of open.slice(0, Math.max(0, open.length - 2))) void session.end('replaced')
}

function topicOf({ params }: Request): string {
  const parts: unknown = params['topic']
  return Array.isArray(parts) ? parts.join('/') : String(parts)
}

/** The request as if it had come with this token alone. */
function bringToken(facts: RequestFacts, token: string | undefined): RequestFacts {
  if (token === undefined) return facts
  const { method, address } = facts
  const header = (name: string): string | undefined =>
    name.toLowerCase() === 'authorization' ? `Bearer ${token}` : undefined
  return { method, address, url: '/', header }
}
