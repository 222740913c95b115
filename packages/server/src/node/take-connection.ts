// Takes the connection of a stream out of Node's HTTP server, so that request, response, parser and their listeners can be
// let go: together they hold several times as much memory as the session. The operating system's handle goes over to a
// socket of its own; the old socket is closed without it, and Node cleans up behind it as behind any client that left.
//
// It rests on what Node does not document: `_handle`, `_server`, `_connections`, `parser`. `canTake` looks at all of it, and at
// who else listens; where anything is not as in Node 20 to 26, the stream stays on its response.

import { Socket } from 'node:net'
import type { EventEmitter } from 'node:events'
import type { Server, ServerResponse } from 'node:http'
import { fateOf } from './listener-fate.ts'
import { StreamSocket } from './stream-socket.ts'

interface Handle {
  reading: boolean
  readStop(): number
}

interface Parser {
  readonly incoming: unknown
  unconsume(): void
}

interface CountingServer extends Server {
  _connections: number
}

/** A socket of an HTTP connection as Node 20 to 26 have it. */
interface HttpSocket extends Socket {
  _handle: Handle | null
  /** Of the server that counts it; a socket that another process has handed over has none. */
  _server: CountingServer | null | undefined
  readonly server: Server
  readonly parser: Parser
}

/** Listeners that Node's HTTP server puts on a socket, and on a response. */
const nodesOwn: ReadonlySet<string> = new Set([
  'bound socketOnClose',
  'bound socketOnData',
  'bound socketOnDrain',
  'bound socketOnEnd',
  'bound resOnFinish',
  'onReadableStreamEnd',
  'onServerResponseClose',
  'onSocketPause',
  'onSocketResume',
  'socketOnError',
  'socketOnTimeout',
])

/** Whether the connection of a response can be taken once its head is out. */
export function canTake(response: ServerResponse): boolean {
  const { req: request, socket } = response
  return (
    socket !== null &&
    isAsExpected(socket) &&
    // A time limit on the socket is Node's to watch.
    !socket.timeout &&
    socket.writable &&
    socket.writableLength === 0 &&
    request.complete &&
    // Nor has a further request begun behind this one.
    socket.parser.incoming === request &&
    isOnlyNodes(socket) &&
    isOnlyNodes(request) &&
    isOnlyNodes(response)
  )
}

/** Takes the connection. To be called right after the head, when `canTake` said so before it. */
export function takeConnection(response: ServerResponse): StreamSocket | undefined {
  const { socket } = response
  if (socket === null || !isAsExpected(socket) || socket.writableLength > 0) return undefined
  const { _handle: handle, _server: counter, server, parser } = socket
  if (handle === null) return undefined
  const moved = socket.listeners('close').filter((listener) => fateOf(listener) === 'moved')
  parser.unconsume()
  // The new socket begins to read by itself, and only if nobody does.
  handle.readStop()
  handle.reading = false
  socket._handle = null
  // The old socket counts itself out when it closes.
  if (counter) counter._connections += 1
  const taken = StreamSocket.adopt(handle, counter)
  for (const listener of moved) {
    socket.off('close', listener as () => void)
    taken.on('close', listener as () => void)
  }
  registerStream(server, taken)
  socket.destroy()
  return taken
}

function isAsExpected(socket: Socket): socket is HttpSocket {
  const { _handle: handle, _server: counter, server, parser } = socket as Partial<HttpSocket>
  return (
    // Not TLS, nor somebody's own kind of socket.
    Object.getPrototypeOf(socket) === Socket.prototype &&
    typeof handle?.readStop === 'function' &&
    typeof handle.reading === 'boolean' &&
    typeof parser?.unconsume === 'function' &&
    typeof server?.closeAllConnections === 'function' &&
    (!counter || Number.isInteger(counter._connections))
  )
}

/** Whether nobody but Node listens, or only those who know that a connection may be taken. */
function isOnlyNodes(emitter: EventEmitter): boolean {
  return emitter
    .eventNames()
    .every((name) =>
      emitter
        .listeners(name)
        .every((listener) => nodesOwn.has(listener.name) || fateOf(listener) !== undefined),
    )
}

const streamsOf = new WeakMap<Server, Set<StreamSocket>>()

/** Keeps a server's `closeAllConnections` true: Node's own finds connections by their parsers. */
function registerStream(server: Server, stream: StreamSocket): void {
  const streams = streamsOf.get(server)
  if (streams !== undefined) {
    stream.registerIn(streams)
    return
  }
  const first = new Set<StreamSocket>()
  streamsOf.set(server, first)
  stream.registerIn(first)
  const closeOthers = server.closeAllConnections.bind(server)
  server.closeAllConnections = () => {
    for (const each of first) each.destroy()
    closeOthers()
  }
}
