// A process of attackers, started by bench/bad-tokens.ts: requests that are all under way at once.
//
// Each line of standard input is an order. It is answered with a line when all of its requests have been
// answered. The argument is the priority of this process: the lowest where latencies are measured, because
// attackers of a real hub have processors of their own.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { setPriority } from 'node:os'
import { createInterface } from 'node:readline'

/** Requests to send. */
export interface Order {
  readonly port: number
  /** Whole requests, taken in turns. */
  readonly requests: readonly string[]
  readonly count: number
  /** Whether each has a connection of its own, which is made for it. */
  readonly isNew: boolean
  /** Requests per second. 0: all at once. */
  readonly rate: number
  /** Only makes the connections that are kept, or closes them where others are to be made. */
  readonly isWarmUp: boolean
  /** Leaves when the bytes are sent, since no answer comes. */
  readonly isHalf: boolean
}

/** How they were answered. */
export interface Report {
  /** From the first request to the last answer. Milliseconds. */
  readonly tookMs: number
  /** Answers by status; 0 for connections that were closed without one. */
  readonly statuses: Readonly<Record<string, number>>
}

const kept: Socket[] = []

const priority = Number(process.argv[2] ?? 19)
setPriority(priority)
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as Order
  const report = order.isWarmUp ? await connectAll(order) : await attack(order)
  process.stdout.write(`${JSON.stringify(report)}\n`)
}
process.exit(0)

/** A hub closes connections that ask for nothing for ten seconds, so they are new each time. */
async function connectAll(order: Order): Promise<object> {
  setPriority(0)
  for (const socket of kept.splice(0)) socket.resetAndDestroy()
  while (!order.isNew && kept.length < order.count) {
    const some = Array.from({ length: 250 }, () => open(order))
    kept.push(...(await Promise.all(some)))
  }
  setPriority(priority)
  return {}
}

async function open({ port }: Order): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  socket.setEncoding('latin1')
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve)
    socket.once('error', () => resolve())
  })
  socket.on('error', () => undefined)
  return socket
}

async function attack(order: Order): Promise<Report> {
  const statuses: Record<string, number> = {}
  const began = performance.now()
  const due = (i: number): number => (order.rate === 0 ? 0 : (i * 1_000) / order.rate)
  const waiting: Promise<void>[] = []
  for (let i = 0; i < order.count; i++) {
    while (performance.now() - began < due(i))
      await new Promise((resolve) => setTimeout(resolve, 1))
    waiting.push(
      send(order, i).then((status) => void (statuses[status] = (statuses[status] ?? 0) + 1)),
    )
  }
  await Promise.all(waiting)
  return { tookMs: performance.now() - began, statuses }
}

async function send(order: Order, i: number): Promise<number> {
  const { requests, isNew } = order
  const request = requests[i % requests.length] ?? ''
  let socket = isNew ? await open(order) : kept[i]
  // A hub closes the connection of a banned address with its answer.
  if (socket === undefined || socket.destroyed) kept[i] = socket = await open(order)
  const status = order.isHalf ? await leave(socket, request) : await answerOf(socket, request)
  // A port that was closed in good order is not to be had for a minute, and there are 28,000.
  if (isNew) socket.resetAndDestroy()
  return status
}

function leave(socket: Socket, bytes: string): Promise<number> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve(0))
    socket.write(bytes, () => socket.resetAndDestroy())
  })
}

function answerOf(socket: Socket, request: string): Promise<number> {
  return new Promise((resolve) => {
    let text = ''
    const end = (): void => {
      socket.off('data', read)
      socket.off('close', end)
      resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0))
    }
    const read = (chunk: string): void => {
      text += chunk
      const head = text.indexOf('\r\n\r\n')
      if (head === -1) return
      // A stream is left when it has begun.
      if (/^content-type: text\/event-stream/im.test(text))
        return void (text.includes('\r\n\r\n') && end())
      const length = Number(/^content-length: (\d+)/im.exec(text)?.[1] ?? 0)
      if (text.length >= head + 4 + length) end()
    }
    socket.on('data', read)
    socket.on('close', end)
    if (socket.destroyed) end()
    else socket.write(request)
  })
}
