// Takes the connection of a stream out of Node's HTTP server, so that request, response, parser and their
// listeners can be let go. Together they hold several times as much memory as the session. The socket stays
// the same, and the application's as ever. The parser, Node's listeners, and the way to request and response
// leave it (weak-exchange.ts).
//
// It rests on what Node does not document: `parser`, `_httpMessage`, `_writeRaw`, and its listeners by their
// names. `canTake` looks at all of it, and at the other listeners. Where anything is not as in Node 20 to 26,
// the stream stays on its response.

import { Socket } from 'node:net'
import type { EventEmitter } from 'node:events'
import type { Server, ServerResponse } from 'node:http'
import { fateOf } from './listener-fate.ts'
import { canWeaken, weakenExchange } from './weak-exchange.ts'
import { StreamConnection, streamOf } from './stream-connection.ts'

interface Parser {
  readonly incoming: unknown
  unconsume(): void
}

/** A socket of an HTTP connection as Node 20 to 26 have it. */
interface HttpSocket extends Socket {
  readonly server: Server
  readonly parser: Parser | null
}

type Listener = (...values: unknown[]) => void

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

/** Those of them that go with the parser: they hold the request. By the event they are for. */
const partingNames: ReadonlyMap<string, string> = new Map([
  ['data', 'bound socketOnData'],
  ['end', 'bound socketOnEnd'],
  ['drain', 'bound socketOnDrain'],
  ['close', 'bound socketOnClose'],
  ['pause', 'onSocketPause'],
  ['resume', 'onSocketResume'],
])

/**
 * Node puts functions of each socket's own in front of these while it has a parser. To delete them would cost
 * each socket 1.7 KB.
 */
const plainMethods: Readonly<Record<string, unknown>> = Object.fromEntries(
  ['on', 'addListener', 'prependListener', 'setEncoding'].map((name) => [
    name,
    Reflect.get(Socket.prototype, name),
  ]),
)

/** Events of a taken socket to which others may listen: the socket goes on to tell them. */
const harmlessEvents: ReadonlySet<string | symbol> = new Set(['close', 'end', 'error', 'timeout'])

/** Whether the connection of a response can be taken once its head is out. */
export function canTake(response: ServerResponse): boolean {
  const { req: request, socket } = response
  return (
    socket !== null &&
    isAsExpected(socket, response) &&
    // A time limit on the socket is Node's to watch.
    !socket.timeout &&
    socket.writable &&
    socket.writableLength === 0 &&
    !socket.isPaused() &&
    request.complete &&
    // Nor has a further request begun behind this one.
    socket.parser?.incoming === request &&
    !Object.hasOwn(request, 'destroy') &&
    isOnlyNodes(socket, harmlessEvents) &&
    isOnlyNodes(request) &&
    isOnlyNodes(response)
  )
}

/** Takes the connection. To be called right after the head, when `canTake` said so before it. */
export function takeConnection(response: ServerResponse): StreamConnection | undefined {
  const { req: request, socket } = response
  if (socket === null || !isAsExpected(socket, response) || socket.writableLength > 0)
    return undefined
  const onClose = findListener(socket, 'close', 'bound socketOnClose')
  const onResponseClose = findListener(socket, 'close', 'onServerResponseClose')
  const onDrain = findListener(socket, 'drain', 'bound socketOnDrain')
  if (onClose === undefined || onResponseClose === undefined || onDrain === undefined)
    return undefined
  // Its `data` listener comes before Node's goes, so that the socket never stops flowing; with it Node takes
  // the bytes away from the parser.
  const stream = new StreamConnection(socket)
  for (const [event, name] of partingNames) {
    const listener = findListener(socket, event, name)
    if (listener !== undefined) socket.off(event, listener)
  }
  // Behind the stream's own, so that a request hears of the close before its response, as ever.
  socket.off('close', onResponseClose).on('close', onResponseClose)
  // Node's own clean-up behind a connection that closes frees the parser, and would destroy the request.
  request.destroy = () => request
  onClose.call(socket)
  Reflect.deleteProperty(request, 'destroy')
  Object.assign(socket, plainMethods)
  tellClose(request)
  tellClose(response)
  response.on('prefinish', onEnd)
  weakenExchange(response, onDrain)
  registerStream(socket.server, stream)
  return stream
}

function isAsExpected(socket: Socket, response: ServerResponse): socket is HttpSocket {
  const { server, parser } = socket as Partial<HttpSocket>
  return (
    // Not TLS, nor somebody's own kind of socket.
    Object.getPrototypeOf(socket) === Socket.prototype &&
    typeof parser?.unconsume === 'function' &&
    canWeaken(response) &&
    typeof server?.closeAllConnections === 'function' &&
    findListener(socket, 'close', 'bound socketOnClose') !== undefined &&
    findListener(socket, 'close', 'onServerResponseClose') !== undefined
  )
}

function findListener(emitter: EventEmitter, event: string, name: string): Listener | undefined {
  return emitter.listeners(event).find((listener) => listener.name === name) as Listener | undefined
}

/**
 * Whether nobody but Node listens, or only those who know that a connection may be taken, or to what changes
 * nothing.
 */
function isOnlyNodes(
  emitter: EventEmitter,
  harmless: ReadonlySet<string | symbol> = new Set(),
): boolean {
  return emitter
    .eventNames()
    .filter((name) => !harmless.has(name))
    .every((name) =>
      emitter
        .listeners(name)
        .every((listener) => nodesOwn.has(listener.name) || fateOf(listener) !== undefined),
    )
}

/** Those who can do with hearing `close` now hear it. */
function tellClose(emitter: EventEmitter): void {
  for (const listener of emitter.listeners('close')) {
    if (fateOf(listener) !== 'told') continue
    emitter.off('close', listener as Listener)
    listener.call(emitter)
  }
}

/** Called when somebody ends the response. */
function onEnd(this: ServerResponse): void {
  if (this.socket !== null) streamOf(this.socket)?.hearEnd()
}

const streamsOf = new WeakMap<Server, Set<StreamConnection>>()

/** Keeps a server's `closeAllConnections` true: Node's own finds connections by their parsers. */
function registerStream(server: Server, stream: StreamConnection): void {
  const streams = streamsOf.get(server)
  if (streams !== undefined) {
    stream.registerIn(streams)
    return
  }
  const first = new Set<StreamConnection>()
  streamsOf.set(server, first)
  stream.registerIn(first)
  const closeOthers = server.closeAllConnections.bind(server)
  server.closeAllConnections = () => {
    for (const each of first) each.destroy()
    closeOthers()
  }
}
