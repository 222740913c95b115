// Tokens that end within seconds, on 100 streams of two workers, while events are published. Most are renewed
// in time: nothing is lost, nothing comes twice, and nobody reconnects. The others end when they must.

import { systemClock } from '@tidemark/log'
import { askHttp, startHubProcess, streamHttp, waitUntil } from '@tidemark/testkit'
import type { Streamed } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { makeDirectory } from './support/test-hub.ts'
import { secret, signToken } from './support/tokens.ts'

const sessions = 100
/** Of so many the last two are never renewed. They come one after the other, so that each worker gets one. */
const unrenewedEvery = 20
/** Seconds. A fifth of it passes before a token is renewed, so that a slow machine has the rest. */
const tokenSeconds = 10
/** Between two events: a hub that is busy with all it can take would be late for its clients' tokens. */
const publishMs = 10
const topics = ['orders/**', 'users/{sub}/**']

const tokenOf = (sub: string): Promise<string> =>
  signToken({
    claims: { sub, tidemark: { subscribe: topics, publish: topics } },
    seconds: tokenSeconds,
  })

/** A client that brings a fresh token some time after it was told to; or never. */
class Renewer {
  readonly isRenewing: boolean
  hasEnded = false
  renewals = 0
  readonly faults: string[] = []
  readonly #port: number
  readonly #user: string
  #stream: Streamed | undefined
  #looked = 0
  #renewAt = Infinity

  constructor(port: number, user: string, isRenewing: boolean) {
    this.isRenewing = isRenewing
    this.#port = port
    this.#user = user
  }

  get received(): readonly string[] {
    const events = this.#stream?.events ?? []
    return events.filter(({ type }) => type === 'message').map(({ data }) => data)
  }

  /** The hub's own events that a stream which is left in peace does not get. */
  get disturbances(): readonly string[] {
    const quiet = ['message', 'tidemark.ready', 'tidemark.beat', 'tidemark.token']
    const events = this.#stream?.events ?? []
    return events
      .filter(({ type }) => !quiet.includes(type))
      .map(({ type, data }) => `${type} ${data}`)
  }

  get byes(): readonly string[] {
    return this.#stream?.byes ?? []
  }

  /** The worker that has the stream, by the name of its node in the id of the session. */
  get worker(): string {
    return this.#session.split('.', 1)[0] ?? ''
  }

  get #session(): string {
    const ready = this.#stream?.events.find(({ type }) => type === 'tidemark.ready')?.data ?? '{}'
    const { session = '' } = JSON.parse(ready) as { readonly session?: string }
    return session
  }

  async open(): Promise<void> {
    const path = `/events?topic=orders/*&topic=users/${this.#user}/*`
    const token = await tokenOf(this.#user)
    this.#stream = await streamHttp(this.#port, path, { Authorization: `Bearer ${token}` })
    if (this.#stream.status !== 200)
      throw new Error(`A stream was answered ${this.#stream.status}.`)
    const end = (): void => {
      this.hasEnded = true
      if (this.isRenewing) this.faults.push('its stream ended')
    }
    void this.#stream.ended.then(end, end)
  }

  /** Looks at what has come, and renews if it is time. */
  look(): void {
    const events = this.#stream?.events ?? []
    const news = events.slice(this.#looked)
    this.#looked = events.length
    if (news.some(({ type }) => type === 'tidemark.token'))
      this.#renewAt = systemClock.now() + tokenSeconds * 200
    if (!this.isRenewing || systemClock.now() < this.#renewAt) return
    this.#renewAt = Infinity
    this.#renew().catch((error: unknown) => this.faults.push(String(error)))
  }

  leave(): void {
    this.#stream?.leave()
  }

  async #renew(): Promise<void> {
    const { status, body } = await askHttp(this.#port, {
      method: 'PATCH',
      path: `/sessions/${this.#session}`,
      body: JSON.stringify({ token: await tokenOf(this.#user) }),
    })
    if (status === 204) this.renewals += 1
    else this.faults.push(`was answered ${status}: ${body}`)
  }
}

test('of 100 streams under load those with renewed tokens go on, lose nothing and get nothing twice; others end', async () => {
  const dataDirectory = await makeDirectory()
  const args = ['--workers', '2', '--auth-secret', secret]
  const hub = await startHubProcess({ dataDirectory, args })
  onTestFinished(() => hub.stop())
  const clients = Array.from(
    { length: sessions },
    (_, i) => new Renewer(hub.port, `user-${i}`, i % unrenewedEvery < unrenewedEvery - 2),
  )
  const renewers = clients.filter(({ isRenewing }) => isRenewing)
  const others = clients.filter(({ isRenewing }) => !isRenewing)
  const lookAfterTokens = (): void => {
    for (const renewer of renewers) renewer.look()
  }
  for (const client of clients) {
    await client.open()
    lookAfterTokens()
  }
  let sent = 0
  const over = new AbortController()
  const publishing = (async () => {
    const Authorization = `Bearer ${await signToken({ claims: { tidemark: { publish: topics } } })}`
    while (!over.signal.aborted) {
      const { status } = await askHttp(hub.port, {
        method: 'POST',
        path: `/topics/orders/${sent % 7}`,
        headers: { Authorization },
        body: String(sent),
      })
      expect(status).toBe(200)
      sent += 1
      await new Promise<void>((resolve) => systemClock.after(publishMs, resolve))
    }
  })()
  // The last one that opened is one of the others: when its token has ended, so have all first ones.
  await waitUntil('all have outlived their first token, and all others have ended', () => {
    lookAfterTokens()
    return (
      renewers.every(({ renewals }) => renewals >= 3) && others.every(({ hasEnded }) => hasEnded)
    )
  })
  over.abort()
  await publishing
  const all = Array.from({ length: sent }, (_, i) => String(i))
  await waitUntil('the last event is everywhere', () =>
    renewers.every(({ received }) => received.at(-1) === all.at(-1)),
  )
  for (const renewer of renewers) {
    expect(renewer.received).toEqual(all)
    expect([...renewer.disturbances, ...renewer.faults]).toEqual([])
  }
  for (const other of others) {
    expect(other.byes).toEqual(['expired'])
    // Until its end it lost nothing either.
    expect(other.received).toEqual(all.slice(0, other.received.length))
    expect(other.faults).toEqual([])
  }
  // Both workers have streams of both kinds.
  for (const kind of [renewers, others])
    expect(new Set(kind.map(({ worker }) => worker)).size).toBe(2)
  for (const renewer of renewers) renewer.leave()
})
