// Good clients of a hub beside others: open streams to which somebody publishes, and streams that open.

import { once } from 'node:events'
import { request } from 'node:http'
import type { ClientRequest } from 'node:http'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { waitUntil } from '@tidemark/testkit'
import { createDecoder } from '@tidemark/wire'
import { postRequest } from './load.ts'

/** Latencies of one stretch of time, in milliseconds. */
export interface Latencies {
  /** From a publish to the event on an open stream. */
  readonly deliveries: readonly number[]
  /** From the request for a stream to its first event. */
  readonly openings: readonly number[]
}

export interface GoodClientsOptions {
  readonly port: number
  readonly streams: number
  /** The fields of the next client: a token that the hub has not seen. */
  readonly headersFor: (index: number) => Readonly<Record<string, string>>
  /** Between two publishes, and between two streams that open. */
  readonly pauseMs: number
}

const topic = 'bench/1'
/** A connection may have 256 requests in line, and an attack may take seconds. */
const publishers = 16

export class GoodClients {
  readonly #options: GoodClientsOptions
  readonly #streams: ClientRequest[] = []
  #deliveries: number[] = []
  #delivered = 0
  #clients = 0

  private constructor(options: GoodClientsOptions) {
    this.#options = options
  }

  static async open(options: GoodClientsOptions): Promise<GoodClients> {
    const clients = new GoodClients(options)
    for (let i = 0; i < options.streams; i++) {
      clients.#streams.push(await clients.#follow((data) => clients.#take(data)))
    }
    return clients
  }

  /** Measures until `work` is done, and for `leastMs` at least. */
  async measure(work: Promise<unknown>, leastMs: number): Promise<Latencies> {
    this.#deliveries = []
    let isDone = false
    const done = Promise.all([work, pause(leastMs)]).then(() => void (isDone = true))
    const isOver = (): boolean => isDone
    const [openings] = await Promise.all([this.#openOften(isOver), this.#publish(isOver), done])
    return { deliveries: this.#deliveries, openings }
  }

  leave(): void {
    for (const stream of this.#streams) stream.destroy()
  }

  #take(data: string): void {
    this.#delivered += 1
    this.#deliveries.push(performance.now() - Number(data))
  }

  /** Opens a stream; resolves at its first event, which says that it is ready. */
  #follow(onData: (data: string) => void): Promise<ClientRequest> {
    const { port, headersFor } = this.#options
    const headers = { Accept: 'text/event-stream', ...headersFor(this.#clients++) }
    const path = `/events?topic=${topic}`
    return new Promise((resolve, reject) => {
      const asked = request({ port, host: '127.0.0.1', path, headers, agent: false }).end()
      const decoder = createDecoder({
        event: ({ type, data }) => {
          if (type === 'message') onData(data)
          else if (type === 'tidemark.ready') resolve(asked)
          else if (type === 'tidemark.bye')
            reject(new Error(`A good client was sent away: ${data}`))
        },
      })
      asked.on('error', reject)
      asked.on('response', (answer) => {
        if (answer.statusCode !== 200) reject(new Error(`A good client got ${answer.statusCode}.`))
        answer.on('error', () => undefined)
        answer.on('data', (bytes: Buffer) => decoder.push(bytes))
      })
    })
  }

  /** An event every pause, whether the one before is answered or not. It says when it was sent. */
  async #publish(isOver: () => boolean): Promise<void> {
    const { port, headersFor, pauseMs, streams } = this.#options
    const sockets = await Promise.all(Array.from({ length: publishers }, () => connectTo(port)))
    const headers = headersFor(this.#clients++)
    const before = this.#delivered
    let sent = 0
    while (!isOver()) {
      sockets[sent++ % publishers]?.write(
        postRequest(`/topics/${topic}`, String(performance.now()), headers),
      )
      await pause(pauseMs)
    }
    await waitUntil('all is delivered', () => this.#delivered - before >= sent * streams)
    for (const socket of sockets) socket.destroy()
  }

  /** A stream every pause, whether the one before has opened or not. */
  async #openOften(isOver: () => boolean): Promise<readonly number[]> {
    const openings: Promise<number>[] = []
    while (!isOver()) {
      const began = performance.now()
      openings.push(
        this.#follow(() => undefined).then((stream) => {
          stream.destroy()
          return performance.now() - began
        }),
      )
      await pause(this.#options.pauseMs)
    }
    return Promise.all(openings)
  }
}

async function connectTo(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  await once(socket, 'connect')
  return socket.resume()
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms))
}
