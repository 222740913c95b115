// Publishes on schedule, whatever becomes of the publishes before: a server that stalls is asked as
// often as one that does not.

import { Agent as PlainAgent, request as requestPlain } from 'node:http'
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { Agent as TlsAgent, request as requestTls } from 'node:https'
import { systemClock } from '@tidemark/client'
import type { Timer } from '@tidemark/client'
import { pause, readMicros } from './clock.ts'
import { Histogram } from './histogram.ts'
import {
  answerMsMax,
  failedPublishesMax,
  hurriedSilentMs,
  lateMs,
  publishBytesInFlightMax,
  publishesInFlightMax,
  refusalCharactersMax,
  settleLookMs,
} from './limits.ts'
import { writeMarker } from './marker.ts'
import type { Published } from './messages.ts'
import type { Plan } from './plan.ts'
import { ReasonCounts } from './reason-counts.ts'
import { readDetail } from './refusal.ts'
import { fillTemplate, nameTopic } from './target.ts'
import type { PublishTarget } from './target.ts'

/** One event to be published. */
interface Publish {
  readonly topic: number
  readonly sequence: number
  readonly settled: number
  readonly dueMicros: number
}

/** The publisher of one run. */
export class Publisher {
  sent = 0
  acknowledged = 0
  /** Sent more than `lateMs` after they were due. */
  late = 0
  /** How often a due publish had to wait because too many were under way. */
  heldUp = 0
  readonly failures: ReasonCounts = new ReasonCounts()
  /** Microseconds from the request to its answer. */
  readonly acknowledge: Histogram = new Histogram()
  readonly #plan: Plan
  readonly #target: PublishTarget
  readonly #originMicros: number
  readonly #agent: PlainAgent
  readonly #headers: OutgoingHttpHeaders
  readonly #inFlightMax: number
  readonly #failed: string[] = []
  readonly #settled: SettledPrefix[]
  #beganMicros: number | undefined
  #endedMicros: number | undefined
  readonly #requests = new Set<ClientRequest>()
  #inFlight = 0
  #answeredMicros = 0
  #timer: Timer | undefined

  constructor(plan: Plan, target: PublishTarget, originMicros: number) {
    this.#plan = plan
    this.#target = target
    this.#originMicros = originMicros
    this.#headers = groupHeaders(target.headers)
    this.#settled = Array.from({ length: plan.topics }, () => new SettledPrefix())
    const agentOptions = { keepAlive: true, maxSockets: publishesInFlightMax, noDelay: true }
    this.#agent = target.url.startsWith('https:')
      ? new TlsAgent(agentOptions)
      : new PlainAgent(agentOptions)
    const fitting = Math.floor(publishBytesInFlightMax / plan.payloadBytes)
    this.#inFlightMax = Math.max(1, Math.min(publishesInFlightMax, fitting))
  }

  /**
   * Publishes number 0 of the first topic, to see whether the server takes events; undefined when it
   * does, else why not. The signal ends the waiting.
   */
  async try(signal: AbortSignal): Promise<string | undefined> {
    const giveUp = (): void => this.#giveUp()
    signal.addEventListener('abort', giveUp)
    const failure = await this.#post({ topic: 0, sequence: 0, settled: 0, dueMicros: this.#now() })
    signal.removeEventListener('abort', giveUp)
    return failure
  }

  begin(): void {
    this.#beganMicros = this.#now()
    this.#sendDue()
  }

  /** How many should have been sent by now, or by the end. */
  get due(): number {
    if (this.#beganMicros === undefined) return 0
    const elapsed = (this.#endedMicros ?? this.#now()) - this.#beganMicros
    const { rate, durationMs } = this.#plan
    return Math.ceil((Math.min(elapsed, durationMs * 1_000) * rate) / 1e6)
  }

  /**
   * Sends no more; resolves with what was published when every answer is there. Once the signal has
   * aborted, a server that does not answer is not waited for.
   */
  async end(signal: AbortSignal): Promise<Published> {
    this.#endedMicros = this.#now()
    this.#timer?.cancel()
    while (this.#inFlight > 0) {
      const silentMicros = this.#now() - Math.max(this.#answeredMicros, this.#endedMicros)
      if (signal.aborted && silentMicros > hurriedSilentMs * 1_000) this.#giveUp()
      await pause(settleLookMs)
    }
    this.#agent.destroy()
    const { topics } = this.#plan
    return {
      lastByTopic: Array.from({ length: topics }, (_, topic) =>
        Math.ceil(Math.max(0, this.sent - topic) / topics),
      ),
      failed: this.#failed,
    }
  }

  /** Publishes that are under way have failed. */
  #giveUp(): void {
    for (const request of this.#requests) request.destroy(new Error('no answer before the end'))
  }

  #now(): number {
    return readMicros() - this.#originMicros
  }

  #sendDue(): void {
    const { rate, topics } = this.#plan
    const began = this.#beganMicros ?? 0
    if (this.#endedMicros !== undefined) return
    this.#timer?.cancel()
    while (this.sent < this.due && this.#inFlight < this.#inFlightMax) {
      const number = this.sent++
      const topic = number % topics
      void this.#send({
        topic,
        settled: this.#settled[topic]?.last ?? 0,
        sequence: Math.floor(number / topics) + 1,
        dueMicros: began + (number * 1e6) / rate,
      })
    }
    // With too many under way, the next answer goes on.
    if (this.#inFlight >= this.#inFlightMax) {
      this.heldUp++
      return
    }
    const waitMs = (began + (this.sent * 1e6) / rate - this.#now()) / 1_000
    this.#timer = systemClock.after(Math.max(1, Math.ceil(waitMs)), () => this.#sendDue())
  }

  async #send(publish: Publish): Promise<void> {
    this.#inFlight++
    const startedMicros = this.#now()
    if (startedMicros - publish.dueMicros > lateMs * 1_000) this.late++
    const failure = await this.#post(publish)
    this.#inFlight--
    this.#answeredMicros = this.#now()
    this.#settled[publish.topic]?.add(publish.sequence)
    if (failure === undefined) {
      this.acknowledged++
      this.acknowledge.add(this.#now() - startedMicros)
    } else {
      this.failures.add(failure)
      if (this.#failed.length < failedPublishesMax) {
        this.#failed.push(`${publish.topic}/${publish.sequence}`)
      }
    }
    if (this.#inFlight === this.#inFlightMax - 1) this.#sendDue()
  }

  /** Resolves with the reason when it failed, and never rejects. */
  #post(publish: Publish): Promise<string | undefined> {
    const { runId, payloadBytes } = this.#plan
    const { url, method, body } = this.#target
    const name = nameTopic(runId, publish.topic)
    const marker = { ...publish, sentMicros: this.#now() }
    const payload = writeMarker(runId, marker, payloadBytes)
    const bytes = Buffer.from(fillTemplate(body, { topic: name, payload }))
    const target = new URL(fillTemplate(url, { topic: name }))
    const send = target.protocol === 'https:' ? requestTls : requestPlain
    return new Promise((resolve) => {
      const request = send(
        target,
        {
          method,
          agent: this.#agent,
          headers: { ...this.#headers, 'content-length': bytes.length },
          timeout: answerMsMax,
        },
        (response) => {
          void readAnswer(response).then(resolve)
        },
      )
      this.#requests.add(request)
      request.on('close', () => this.#requests.delete(request))
      request.on('timeout', () =>
        request.destroy(new Error(`no answer within ${answerMsMax / 1000} s`)),
      )
      request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      request.end(bytes)
    })
  }
}

/** Numbers that are answered, as far as they have no hole. */
class SettledPrefix {
  last = 0
  readonly #beyond = new Set<number>()

  add(sequence: number): void {
    this.#beyond.add(sequence)
    while (this.#beyond.delete(this.last + 1)) this.last++
  }
}

/**
 * Node sends a list of values as that many lines, except for `Cookie`, which it joins as RFC 6265, §5.4
 * wants.
 */
function groupHeaders(headers: PublishTarget['headers']): OutgoingHttpHeaders {
  const groups = new Map<string, string | string[]>()
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    const before = groups.get(key)
    // A request has one `Host` (RFC 9112, §3.2), and Node throws for a list: the last is sent.
    groups.set(key, before === undefined || key === 'host' ? value : [before, value].flat())
  }
  return Object.fromEntries(groups)
}

async function readAnswer(response: IncomingMessage): Promise<string | undefined> {
  const status = response.statusCode ?? 0
  const isTaken = status >= 200 && status <= 299
  let body = ''
  try {
    for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
      if (!isTaken && body.length < refusalCharactersMax) body += chunk
    }
  } catch {
    // The status alone decides; a body that breaks off only costs the explanation.
  }
  if (isTaken) return undefined
  const detail = readDetail(body)
  return detail === undefined ? `status ${status}` : `status ${status}: ${detail}`
}
