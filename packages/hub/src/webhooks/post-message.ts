// One attempt to deliver one message.

import { Agent as HttpAgent, request as requestHttp } from 'node:http'
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { Webhook as Signer } from 'standardwebhooks'
import type { Clock } from '@tidemark/log'
import { answerBytesMax, errorCharactersMax, idleConnectionMs, topicsAtOnceMax } from './limits.ts'
import type { Message } from './message.ts'
import { checkLiteral, lookupPublic } from './receiver-address.ts'
import type { Webhook } from './webhook.ts'

/** How an attempt went. */
export interface Outcome {
  /**
   * `refused`: the endpoint does not want this one message (most of 4xx). `failed`: it could not be reached,
   * or cannot take anything now.
   */
  readonly kind: 'delivered' | 'refused' | 'failed'
  readonly status?: number | undefined
  readonly error?: string | undefined
  /** Milliseconds that the endpoint asks for. */
  readonly retryAfterMs?: number | undefined
}

/** Statuses that speak of the moment, and not of the message. */
const passing: ReadonlySet<number> = new Set([401, 403, 404, 407, 408, 410, 425, 429])

/** Sends messages of one webhook, over a few connections that are kept. */
export class Poster {
  readonly #webhook: Webhook
  readonly #signer: Signer
  readonly #clock: Clock
  readonly #agent: HttpAgent
  readonly #request: typeof requestHttp

  constructor(webhook: Webhook, clock: Clock) {
    this.#webhook = webhook
    this.#signer = new Signer(webhook.secret)
    this.#clock = clock
    const isTls = webhook.url.protocol === 'https:'
    const options = { keepAlive: true, maxSockets: topicsAtOnceMax, timeout: idleConnectionMs }
    this.#agent = isTls ? new HttpsAgent(options) : new HttpAgent(options)
    this.#request = isTls ? requestHttps : requestHttp
  }

  /** Resolves to how it went. Never rejects. */
  async post(message: Message, signal: AbortSignal): Promise<Outcome> {
    try {
      const { url, allowPrivate } = this.#webhook
      if (!allowPrivate) checkLiteral(url)
      const answer = await this.#send(message, signal)
      const status = answer.statusCode ?? 0
      await drain(answer, signal)
      return judge(status, answer.headers['retry-after'], this.#clock.now())
    } catch (error) {
      return { kind: 'failed', error: describe(signal.aborted ? signal.reason : error) }
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  #send({ id, body }: Message, signal: AbortSignal): Promise<IncomingMessage> {
    const { url, allowPrivate } = this.#webhook
    const seconds = Math.floor(this.#clock.now() / 1_000)
    const bytes = Buffer.from(body)
    const options: RequestOptions = {
      method: 'POST',
      agent: this.#agent,
      signal,
      // Redirects are answers like others: nobody looks where they lead.
      headers: {
        'Content-Type': 'application/json',
        'Content-Length': bytes.length,
        'User-Agent': 'tidemark-webhooks',
        'webhook-id': id,
        'webhook-timestamp': seconds,
        'webhook-signature': this.#signer.sign(id, new Date(seconds * 1_000), body),
      },
      ...(allowPrivate ? {} : { lookup: lookupPublic }),
    }
    return new Promise((resolve, reject) => {
      const sent: ClientRequest = this.#request(url, options, resolve)
      sent.on('error', reject)
      // Without an answer, and without an error: so ends a switch to another protocol (101), which nobody has
      // asked for. After an answer it changes nothing.
      sent.on('close', () => reject(new Error('The connection ended without an answer.')))
      sent.end(bytes)
    })
  }
}

/** Reads an answer that nobody wants, to its end if that is near. */
function drain(answer: IncomingMessage, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let bytes = 0
    const end = (): void => {
      signal.removeEventListener('abort', cut)
      resolve()
    }
    const cut = (): void => {
      answer.destroy()
      end()
    }
    signal.addEventListener('abort', cut)
    answer.on('data', ({ length }: Buffer) => {
      bytes += length
      if (bytes > answerBytesMax) cut()
    })
    answer.on('error', end)
    answer.on('close', end)
    answer.on('end', end)
  })
}

function judge(status: number, retryAfter: string | undefined, now: number): Outcome {
  if (status >= 200 && status < 300) return { kind: 'delivered', status }
  const isRefused = status >= 400 && status < 500 && !passing.has(status)
  const retryAfterMs = readRetryAfter(retryAfter, now)
  return { kind: isRefused ? 'refused' : 'failed', status, retryAfterMs }
}

/** Seconds, or a date (RFC 9110 §10.2.3). */
function readRetryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

function describe(error: unknown): string {
  const { message, code } = error as { readonly message?: unknown; readonly code?: unknown }
  const text = typeof message === 'string' && message !== '' ? message : String(code ?? error)
  return text.slice(0, errorCharactersMax)
}
