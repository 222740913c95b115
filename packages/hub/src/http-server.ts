// The HTTP server of the hub: its limits, with TLS (HTTP/2 and HTTP/1.1 on one port) or without (HTTP/1.1).

import { createServer } from 'node:http'
import type { ServerOptions } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { Server, Socket } from 'node:net'
import { isHttp2 } from '@tidemark/server/hub'
import type { NodeRequest, NodeResponse } from '@tidemark/server/node'
import { answer } from './answer.ts'
import type { AnswerContext } from './answer.ts'
import { answerClientErrors } from './client-errors.ts'
import { isContinueOnly } from './guard.ts'
import { Http2Connections } from './http2-connections.ts'
import {
  headerBytesMax,
  http2HeaderListMax,
  http2HeaderPairsMax,
  http2Limits,
  keepAliveMs,
  requestTimes,
} from './limits.ts'
import type { RequestTimes } from './limits.ts'
import type { HeldCertificate } from './tls/held-certificate.ts'
import type { Traffic } from './traffic.ts'

/** The parts that the server is made with. */
export interface HttpServerOptions {
  readonly context: AnswerContext
  readonly traffic: Traffic
  /**
   * Connections beyond this are closed unanswered; streams of HTTP/2 beyond it, of all connections
   * together, are refused.
   */
  readonly connectionsMax: number
  /** Speaks TLS with this certificate and those that come after it. Default: no TLS. */
  readonly held?: HeldCertificate | undefined
  /** Default: those of limits.ts. */
  readonly times?: RequestTimes
}

/** A server that can also be ended at once. */
export interface HttpServer extends Server {
  /** Ends all connections, whatever is still going on. */
  closeAllConnections(): void
}

/** Makes the server; it does not listen yet. */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { held, connectionsMax } = options
  const server = held === undefined ? createPlain(options) : createTls(options, held)
  server.maxConnections = connectionsMax
  return server
}

function createPlain({ context, traffic, times = requestTimes }: HttpServerOptions): HttpServer {
  const server = createServer(http1Limits(times))
  keepAllFields(server)
  traffic.follow(server)
  answerExpectations(server)
  const isLeaving = answerClientErrors(server, {
    traffic,
    clock: context.clock,
    isSpoken: () => true,
    lateMsMax: times.checkMs,
  })
  server.on('request', (request, response) => {
    if (isLeaving(request.socket)) return
    if (traffic.isCrowded(response)) request.socket.destroy()
    else void answer(request, response, context)
  })
  return server
}

function createTls(options: HttpServerOptions, held: HeldCertificate): HttpServer {
  const { context, traffic, connectionsMax, times = requestTimes } = options
  const server = createSecureServer({
    ...held.state.certificate,
    allowHTTP1: true,
    noDelay: true,
    handshakeTimeout: times.headersMs,
    settings: {
      maxConcurrentStreams: http2Limits.streamsPerConnectionMax,
      maxHeaderListSize: http2HeaderListMax,
    },
    maxHeaderListPairs: http2HeaderPairsMax,
    maxSessionMemory: http2Limits.sessionMemoryMB,
    maxSessionInvalidFrames: http2Limits.invalidFramesMax,
    maxSessionRejectedStreams: http2Limits.rejectedStreamsMax,
    maxOutstandingPings: http2Limits.pingsMax,
    maxSettings: http2Limits.settingsMax,
    streamResetBurst: http2Limits.streamResetBurst,
    streamResetRate: http2Limits.streamResetsPerSecond,
  })
  // Connections that are open keep the one they began with.
  held.follow(() => server.setSecureContext(held.state.certificate))
  Object.assign(server, http1Limits(times))
  keepAllFields(server)
  traffic.follow(server)
  const { clock } = context
  const connections = new Http2Connections({ clock, times, streamsMax: connectionsMax })
  connections.follow(server)
  const { sockets, secured } = followSockets(server)
  const isLeaving = answerClientErrors(server, {
    traffic,
    clock,
    isSpoken: (socket) => secured.has(socket),
    lateMsMax: times.checkMs,
    readHeaders: () => context.strictTransport?.headers ?? {},
  })
  server.on('request', (request: NodeRequest, response: NodeResponse) => {
    if (isHttp2(response)) {
      if (!connections.admit(response)) return
    } else if (isLeaving(response.req.socket)) {
      return
    } else if (traffic.isCrowded(response)) {
      response.req.socket.destroy()
      return
    }
    void answer(request, response, context)
  })
  answerExpectations(server)
  return Object.assign(server, {
    closeAllConnections: () => {
      for (const socket of sockets) socket.destroy()
    },
  })
}

/** A request that expects what Node does not know is one like any other, which guard.ts refuses. */
function answerExpectations(server: Server): void {
  const answerIt = (request: NodeRequest, response: NodeResponse): void => {
    server.emit('request', request, response)
  }
  server.on('checkExpectation', answerIt)
  // Node looks for `100-continue` anywhere in the list, and would promise to take a body that guard.ts
  // then refuses.
  server.on('checkContinue', (request: NodeRequest, response: NodeResponse) => {
    if (isContinueOnly(request.headers.expect ?? '')) response.writeContinue()
    answerIt(request, response)
  })
}

/**
 * The limits of HTTP/1.1. A TLS server reads it from its properties on every Node, though options
 * name it on some only.
 */
function http1Limits(times: RequestTimes): ServerOptions {
  return {
    maxHeaderSize: headerBytesMax,
    keepAliveTimeout: keepAliveMs,
    headersTimeout: times.headersMs,
    requestTimeout: times.requestMs,
    connectionsCheckingInterval: times.checkMs,
    // Node would refuse a request without one and say nothing; see guard.ts.
    requireHostHeader: false,
  }
}

/**
 * Node 20 drops what is beyond its own number without a word; guard.ts has one that refuses.
 * `headerBytesMax` bounds both.
 */
function keepAllFields(server: object): void {
  Object.assign(server, { maxHeadersCount: 0 })
}

/** The connections of a server, and those of them whose TLS handshake is done. */
function followSockets(server: Server): {
  readonly sockets: ReadonlySet<Socket>
  readonly secured: WeakSet<Socket>
} {
  const sockets = new Set<Socket>()
  const secured = new WeakSet<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('secureConnection', (socket: Socket) => secured.add(socket))
  return { sockets, secured }
}
