// A door that is shut keeps nobody out: connections wait behind it.

import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createFakeClock, waitUntil } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { handoverMs } from '../src/limits.ts'
import { ListeningSocket } from '../src/workers/listening-socket.ts'
import type { ListeningHandle } from '../src/workers/messages.ts'
import { forkWorker } from '../src/workers/worker-process.ts'
import type { WorkerProcess } from '../src/workers/worker-process.ts'

interface Scene {
  readonly listeningSocket: ListeningSocket
  readonly server: Server
  readonly clock: FakeClock
  readonly lines: readonly string[]
  readonly accepted: readonly Socket[]
  /** How often the listening socket had arrivals held up. */
  readonly countHeldUp: () => number
  /** Opens so many connections; resolves when the kernel has established them. */
  readonly connectClients: (count: number) => Promise<readonly Socket[]>
}

async function openDoor(): Promise<Scene> {
  const accepted: Socket[] = []
  const lines: string[] = []
  const clock = createFakeClock()
  let heldUp = 0
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const holdUp = (): void => {
    heldUp += 1
  }
  const listeningSocket = new ListeningSocket({
    server,
    clock,
    say: (text) => lines.push(text),
    holdUp,
  })
  server.on('connection', (socket) => {
    accepted.push(socket)
    listeningSocket.accepted()
  })
  onTestFinished(() => {
    listeningSocket.close()
    for (const socket of accepted) socket.destroy()
  })
  const connectClients = (count: number): Promise<Socket[]> =>
    Promise.all(
      Array.from({ length: count }, async () => {
        const socket = connect(port, '127.0.0.1')
        onTestFinished(() => void socket.destroy())
        await once(socket, 'connect')
        return socket
      }),
    )
  return {
    listeningSocket,
    server,
    clock,
    lines,
    accepted,
    countHeldUp: () => heldUp,
    connectClients,
  }
}

/** A process as workers are, which is asked for copies; resolves once the listening socket has so many. */
async function addMirror(listeningSocket: ListeningSocket, copies: number): Promise<void> {
  let received = 0
  const worker = forkWorker({
    heard: (_, handle) => {
      received += 1
      listeningSocket.receive(handle)
    },
    ended: () => undefined,
  })
  onTestFinished(() => worker.kill())
  listeningSocket.add(worker)
  await waitUntil('the copies are there', () => received >= copies)
}

test('connections made while the listeningSocket is shut are neither accepted nor cut, and accepted when it opens', async () => {
  const { listeningSocket, server, accepted, connectClients } = await openDoor()
  await addMirror(listeningSocket, 2)
  for (const round of [1, 2, 3]) {
    listeningSocket.setOpen(false)
    expect(server.listening).toBe(false)
    const sockets = await connectClients(20)
    // Whatever the loop would have done with them by now it has done.
    await new Promise(setImmediate)
    expect(accepted).toHaveLength((round - 1) * 20)
    expect(sockets.every(({ destroyed }) => !destroyed)).toBe(true)
    listeningSocket.setOpen(true)
    await waitUntil('all are accepted', () => accepted.length === round * 20)
  }
})

test('a listeningSocket that cannot be shut yet takes arrivals one by one, with a pause after each', async () => {
  const { listeningSocket, server, accepted, countHeldUp, connectClients } = await openDoor()
  listeningSocket.setOpen(false)
  expect(server.listening).toBe(true)
  await connectClients(3)
  await waitUntil('they are accepted', () => accepted.length === 3)
  expect(countHeldUp()).toBe(3)
  await addMirror(listeningSocket, 1)
  expect(server.listening).toBe(false)
})

test('a worker that does not answer is not waited for: the next one is asked', async () => {
  const { listeningSocket, clock } = await openDoor()
  const asked: string[] = []
  const makeWorker = (name: string): WorkerProcess => ({
    pid: 1,
    send: () => undefined,
    hand: () => undefined,
    copy: () => void asked.push(name),
    kill: () => undefined,
  })
  const first = makeWorker('first')
  listeningSocket.add(first)
  listeningSocket.add(makeWorker('second'))
  expect(asked).toEqual(['first'])
  clock.advance(handoverMs)
  clock.advance(handoverMs)
  expect(asked).toEqual(['first', 'second', 'first'])
  listeningSocket.remove(first)
  expect(asked.at(-1)).toBe('second')
})

test('copies that come too late or twice are let go, or the port would stay taken', async () => {
  const { listeningSocket } = await openDoor()
  let closed = 0
  const makeHandle = (): ListeningHandle => ({ close: () => (closed += 1) })
  for (let i = 0; i < 3; i++) listeningSocket.receive(makeHandle())
  listeningSocket.receive(undefined)
  expect(closed).toBe(1)
  listeningSocket.close()
  expect(closed).toBe(3)
  listeningSocket.receive(makeHandle())
  expect(closed).toBe(4)
})

test('when accepting fails the log says so, and the listeningSocket rests in place of failing again at once', async () => {
  const { listeningSocket, server, clock, lines, accepted, connectClients } = await openDoor()
  await addMirror(listeningSocket, 2)
  server.emit('error', new Error('accept EMFILE'))
  server.emit('error', new Error('accept EMFILE'))
  expect(lines).toEqual([
    'Connections cannot be accepted: accept EMFILE. They wait, and the next attempts follow every 1000 ms.',
  ])
  expect(server.listening).toBe(false)
  await connectClients(1)
  clock.advance(1_000)
  await waitUntil('it is accepted', () => accepted.length === 1)
})
