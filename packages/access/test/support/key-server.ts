// A real HTTP server on loopback that publishes keys, well or badly.

import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { once } from 'node:events'
import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { onTestFinished } from 'vitest'

/** A pair of keys with the name of the public one. */
export interface NamedKey {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly jwk: Readonly<Record<string, unknown>>
}

/** A key of Ed25519: the fastest to make. */
export function makeKey(kid: string, more: Readonly<Record<string, unknown>> = {}): NamedKey {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'EdDSA', ...more }
  return { kid, privateKey, jwk }
}

export function keySet(...keys: readonly NamedKey[]): string {
  return JSON.stringify({ keys: keys.map(({ jwk }) => jwk) })
}

/** A server with its answer, and with the number of requests. */
export class KeyServer {
  readonly url: string
  requests = 0
  /** Keys as JSON, or an answer of another kind. */
  answer: string | RequestListener
  readonly #server: Server

  private constructor(server: Server, answer: string | RequestListener) {
    this.#server = server
    this.answer = answer
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    this.url = `http://127.0.0.1:${port}/jwks.json`
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.requests += 1
      if (typeof this.answer === 'string') response.end(this.answer)
      else this.answer(request, response)
    })
  }

  static async start(answer: string | RequestListener): Promise<KeyServer> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const started = new KeyServer(server, answer)
    onTestFinished(() => started.stop())
    return started
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}
