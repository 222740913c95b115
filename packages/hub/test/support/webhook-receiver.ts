// An endpoint of webhooks: a real server that checks signatures, and does what a test wants of it.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook as Verifier } from 'standardwebhooks'
import { onTestFinished } from 'vitest'

export const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw4z8aF2pMTkY='

/** One message as it came. */
export interface Received {
  readonly id: string
  readonly type: string
  readonly timestamp: string
  readonly data: {
    readonly topic?: string
    readonly type?: string
    readonly key?: string
    readonly cursor?: string
    readonly data?: unknown
    readonly session?: string
    readonly user?: string
    readonly reason?: string
    readonly durationMs?: number
    readonly from?: string
    readonly to?: string
  }
}

/** The answer of one attempt: a status, or nothing for a connection that is cut. */
export type Answer = (
  message: Received,
  response: ServerResponse,
) => number | 'cut' | Promise<number | 'cut'>

export class WebhookReceiver {
  /** Every attempt, in the order of arrival. */
  readonly attempts: Received[] = []
  /** Those that were answered with 2xx, in the order of answers. */
  readonly taken: Received[] = []
  readonly bodies = new Map<string, string>()
  readonly faults: unknown[] = []
  atOnce = 0
  atOnceMost = 0
  answer: Answer = () => 204
  #server: Server | undefined
  #port = 0

  static async start(answer?: Answer): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver()
    if (answer !== undefined) receiver.answer = answer
    await receiver.listen()
    onTestFinished(() => receiver.close())
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook?token=hidden`
  }

  /** Listens, on the port that it had. */
  async listen(port: number = this.#port): Promise<void> {
    this.#server = createServer((request, response) => void this.#take(request, response))
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  /** Cuts all connections, and lets nobody in. */
  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }

  /** The data of what was taken, each message once, in the order in which they came first. */
  dataOf(topic: string): readonly unknown[] {
    const seen = new Set<string>()
    return this.taken
      .filter(({ id, data }) => data.topic === topic && !seen.has(id) && seen.add(id))
      .map(({ data }) => data.data)
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    request.setEncoding('utf8')
    for await (const chunk of request) body += String(chunk)
    const id = String(request.headers['webhook-id'])
    try {
      const headers = request.headers as Record<string, string>
      const message = new Verifier(secret).verify(body, headers) as Omit<Received, 'id'>
      const before = this.bodies.get(id)
      if (before !== undefined && before !== body) throw new Error(`${id} has two bodies.`)
      this.bodies.set(id, body)
      await this.#answer({ id, ...message }, response)
    } catch (error) {
      this.faults.push(error)
      response.writeHead(400).end()
    }
  }

  async #answer(message: Received, response: ServerResponse): Promise<void> {
    this.atOnce++
    this.atOnceMost = Math.max(this.atOnceMost, this.atOnce)
    this.attempts.push(message)
    try {
      const answer = await this.answer(message, response)
      if (answer === 'cut') return void response.destroy()
      if (answer < 300) this.taken.push(message)
      response.writeHead(answer).end()
    } finally {
      this.atOnce--
    }
  }
}
