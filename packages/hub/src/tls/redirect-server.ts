// The port without TLS that sends everybody to the one with it: 308, so that a POST stays a POST.

import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '@tidemark/log'
import { CodedError, answerCoded, sendAnswer } from '@tidemark/server/hub'
import { discardBody } from '../answer.ts'
import { answerClientError } from '../client-errors.ts'
import { HubError } from '../errors.ts'
import { checkHead } from '../guard.ts'
import type { HttpServer } from '../http-server.ts'
import { headerBytesMax, requestTimes } from '../limits.ts'
import { redirectConnectionsMax } from './limits.ts'
import { readTarget } from '../request-target.ts'
import type { RequestTarget } from '../request-target.ts'
import type { CertificateFacts } from './certificate-facts.ts'
import type { HeldCertificate } from './held-certificate.ts'

export interface RedirectOptions {
  readonly held: HeldCertificate
  /** Where the hub listens: `https://127.0.0.1:7070`. */
  readonly url: string
  readonly clock: Clock
}

/** Makes the server; it does not listen yet. Every connection ends with its first answer. */
export function createRedirectServer({ held, url, clock }: RedirectOptions): HttpServer {
  const server = createServer({
    maxHeaderSize: headerBytesMax,
    headersTimeout: requestTimes.headersMs,
    requestTimeout: requestTimes.headersMs,
    connectionsCheckingInterval: requestTimes.checkMs,
    requireHostHeader: false,
  })
  server.maxConnections = redirectConnectionsMax
  const port = Number(new URL(url).port || 443)
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.setHeader('Connection', 'close')
    const location = attempt(() => {
      checkHead(request)
      return locate(readTarget(request), { facts: held.facts, port, listening: portOf(request) })
    })
    // Closing with unread bytes makes the kernel reset the connection, and the answer is lost.
    if (!request.complete) await discardBody(request, clock)
    if (location instanceof CodedError) sendAnswer(response, answerCoded(location))
    else sendAnswer(response, redirectTo(location))
  }
  server.on('clientError', (error, socket) => {
    if (socket.writable) answerClientError(error, socket as Socket, { clock })
    else socket.destroy()
  })
  server.on('request', (request, response) => void answer(request, response))
  // It asks for what it may not send unasked, and gets its answer in place of a promise.
  server.on('checkContinue', (request, response) => void answer(request, response))
  server.on('checkExpectation', (request, response) => void answer(request, response))
  return server
}

function attempt(act: () => string): string | CodedError {
  try {
    return act()
  } catch (error) {
    if (error instanceof CodedError) return error
    throw error
  }
}

function redirectTo(location: string): Parameters<typeof sendAnswer>[1] {
  const body = Buffer.from('This hub is asked by https.\n')
  return {
    status: 308,
    headers: {
      Location: location,
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': String(body.length),
      // A browser would keep it for ever, also one to a port that was a mistake.
      'Cache-Control': 'no-store',
    },
    body,
  }
}

function portOf({ socket }: IncomingMessage): number | undefined {
  return socket.localPort
}

/**
 * The same path at a name of the certificate. Another name would send people to a page that browsers warn
 * of, or to wherever the sender of the request likes.
 * @throws HubError `NOT_FOUND` when the certificate has no name to go to
 */
export function locate(
  { path, query, authority = '' }: RequestTarget,
  {
    facts,
    port,
    listening,
  }: {
    readonly facts: Pick<CertificateFacts, 'names' | 'covers'>
    /** Of the hub. */
    readonly port: number
    /** Of the connection that the request came by. */
    readonly listening: number | undefined
  },
): string {
  const [, asked = '', askedPort = ''] =
    /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/i.exec(authority) ?? []
  const name =
    asked !== '' && facts.covers(asked)
      ? asked.toLowerCase()
      : facts.names.find((each) => !each.startsWith('*'))
  if (name === undefined) {
    throw new HubError(
      'NOT_FOUND',
      'There is nothing without TLS here, and this name is not one of the certificate. Ask by https and by a name of the hub.',
    )
  }
  // A client that names another port than this one came through something that maps ports (a container's
  // host, a balancer). One that named none asked port 80 there, and finds https at its own port 443.
  const isMapped = asked !== '' && askedPort === '' && listening !== 80
  const place = port === 443 || isMapped ? name : `${name}:${port}`
  const target = query === '' ? path : `${path}?${query}`
  return `https://${place}${target === '*' ? '/' : escape(target)}`
}

/** Bytes that no URL has go on as escapes. Node reads each byte as one character. */
function escape(target: string): string {
  return target.replaceAll(
    /[^\x21-\x7e]/g,
    (byte) => `%${(byte.codePointAt(0) ?? 0).toString(16).padStart(2, '0').toUpperCase()}`,
  )
}
