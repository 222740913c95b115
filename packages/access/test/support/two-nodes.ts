// Nodes of one log, each with an HTTP server as an application would have it, and clients of them.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import type { EventLog } from '@tidemark/log'
import { ServerError, createTidemark } from '@tidemark/server'
import type { Tidemark } from '@tidemark/server'
import { CodedError, answerCoded, sendAnswer, translateLogError } from '@tidemark/server/hub'
import { describeRequest } from '@tidemark/server/node'
import { askHttp, streamHttp } from '@tidemark/testkit'
import type { Answered, Streamed } from '@tidemark/testkit'
import { createAccess } from '../../src/index.ts'
import type { Access, AccessOptions } from '../../src/index.ts'

export const secret = 'a secret of thirty-two bytes or more'
/** Every user may do all of it. */
export const withoutClaim = { subscribe: ['**'], publish: ['**'] }

/** A real token of the issuer that the nodes know. */
export async function signToken({
  sub = 'ada',
  jti,
  lifeSeconds = 3600,
  issuedAt = Math.floor(Date.now() / 1000) - 10,
  ...claims
}: Readonly<Record<string, unknown>> & {
  sub?: string
  jti?: string
  lifeSeconds?: number
  issuedAt?: number
} = {}): Promise<string> {
  const signer = new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + lifeSeconds)
  if (jti !== undefined) signer.setJti(jti)
  return signer.sign(new TextEncoder().encode(secret))
}

/** A node of the log. */
export interface AccessNode {
  readonly tide: Tidemark
  readonly access: Access
  readonly port: number
  /** Sends a request and reads the whole answer. */
  ask(method: string, path: string, headers?: Headers): Promise<Answered>
  /** Opens a stream and reads it as it comes. */
  stream(path: string, headers?: Headers): Promise<Streamed>
  close(): Promise<void>
}

type Headers = Readonly<Record<string, string>>

export async function openNode(log: EventLog, options: AccessOptions = {}): Promise<AccessNode> {
  const access = createAccess({
    log,
    tokens: [{ secret }],
    anonymous: { subscribe: ['public/**'] },
    withoutClaim,
    cookie: {},
    origins: ['https://app.example.org'],
    revocableClaims: ['tenant'],
    ticketFor: (request) =>
      request.header('x-api-key') === 'open sesame'
        ? { user: 'key', subscribe: ['**'] }
        : undefined,
    ...options,
  })
  const tide = createTidemark({ log, authorize: access.authorize })
  access.follow(tide)
  await tide.ready
  const server = createServer(
    (request, response) => void route({ tide, access }, request, response),
  )
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return {
    tide,
    access,
    port,
    ask: (method, path, headers) => askHttp(port, { method, path, headers }),
    stream: (path, headers) => streamHttp(port, path, headers),
    close: () => closeNode({ tide, access, server }),
  }
}

async function route(
  { tide, access }: Pick<AccessNode, 'access' | 'tide'>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const facts = describeRequest(request)
  const [path] = facts.url.split('?', 1)
  try {
    switch (`${request.method} ${path}`) {
      case 'GET /events':
        return void (await tide.subscribe(request, response))
      case 'POST /session': {
        const { setCookie } = await access.openSession(facts)
        return void response.writeHead(204, { 'Set-Cookie': setCookie }).end()
      }
      case 'DELETE /session': {
        const { setCookie } = await access.closeSession(facts)
        return void response.writeHead(204, { 'Set-Cookie': setCookie }).end()
      }
      case 'POST /tickets':
        return void response.end(JSON.stringify(await access.issueTicket(facts)))
      case 'GET /tickets/redirect': {
        const { url } = await access.issueTicket(facts, '../events')
        return void response.writeHead(303, { Location: url }).end()
      }
      case 'POST /publish':
        await tide.publish('a', { data: 'x' }, { by: facts })
        return void response.writeHead(204).end()
      default:
        throw new ServerError('METHOD_NOT_ALLOWED', `No ${request.method} ${path}.`)
    }
  } catch (thrown) {
    const error = translateLogError(thrown)
    if (!(error instanceof CodedError)) throw error
    sendAnswer(response, answerCoded(error, 1000))
  }
}

async function closeNode({
  tide,
  access,
  server,
}: {
  readonly tide: Tidemark
  readonly access: Access
  readonly server: Server
}): Promise<void> {
  access.close()
  await tide.close()
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}
