// HTTP/2 over TLS: several streams share a connection, each with its own flow control.

import { connect, constants } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import type { Door, StreamListener } from '../traffic/door.ts'

export interface Http2DoorOptions {
  /** Streams on one connection before the next connection is opened. */
  readonly streamsPerConnection: number
  /**
   * The bytes that a peer lets the server send on a stream before it reads. 0: it never opens its
   * window. Default: Node's.
   */
  readonly initialWindowSize?: number | undefined
}

/** A door whose streams share connections. */
export function createHttp2Door(options: Http2DoorOptions): Door {
  const { streamsPerConnection, initialWindowSize } = options
  const connections = new Set<ClientHttp2Session>()
  let newest: { readonly session: ClientHttp2Session; streams: number } | undefined
  const sessionFor = (origin: string): ClientHttp2Session => {
    const { session: known } = newest ?? {}
    if (newest !== undefined && known?.closed === false && newest.streams < streamsPerConnection) {
      newest.streams += 1
      return newest.session
    }
    const settings = initialWindowSize === undefined ? {} : { settings: { initialWindowSize } }
    const session = connect(origin, { createConnection: connectThroughStreams, ...settings })
    connections.add(session)
    session.on('error', () => undefined)
    session.once('close', () => connections.delete(session))
    // Many streams listen to their connection's end.
    session.setMaxListeners(0)
    newest = { session, streams: 1 }
    return session
  }
  return {
    open({ url, headers }, listener) {
      const stream = sessionFor(url.origin).request({
        [constants.HTTP2_HEADER_PATH]: `${url.pathname}${url.search}`,
        ...Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
        ),
      })
      read(stream, listener)
      return {
        pause: () => void stream.pause(),
        resume: () => void stream.resume(),
        cut: () => stream.close(constants.NGHTTP2_CANCEL),
      }
    },
    close() {
      for (const session of connections) session.destroy()
    },
  }
}

/**
 * Node writes HTTP/2 past its own streams. Over TLS, where two writes fail before the next read, the second
 * one waits for ever and Node reads no more. No stream hears of the reset then
 * (https://github.com/nodejs/node/issues/61304). A pair of plain streams in between hears of each write.
 */
function connectThroughStreams({ hostname: host, port }: URL): Duplex {
  const trust = { rejectUnauthorized: false, ALPNProtocols: ['h2'] }
  const socket = connectTls({ host, port: Number(port), ...trust })
  return Duplex.from({ readable: socket, writable: socket })
}

function read(stream: ClientHttp2Stream, listener: StreamListener): void {
  stream.once('response', (headers) => {
    const known = Object.entries(headers).map(([name, value]) => [name, String(value)] as const)
    listener.opened(Number(headers[constants.HTTP2_HEADER_STATUS]), new Map(known))
    // Not before: a body that comes together with its head is told first.
    stream.on('data', (chunk: Buffer) => listener.bytes(chunk))
  })
  stream.on('error', () => undefined)
  stream.once('close', () => listener.ended())
}
