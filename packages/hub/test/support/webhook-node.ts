// A node that sends one webhook, on a log of its test.

import { comparePositions, parseTopic, systemClock } from '@tidemark/log'
import type { Clock, EventLog, Timer, TimerOptions } from '@tidemark/log'
import type { PresentTopics } from '@tidemark/server/hub'
import { createRandom, waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished } from 'vitest'
import { checkSettings } from '../../src/config/check-config.ts'
import type { LeaseTimes } from '../../src/webhooks/limits.ts'
import { positionOf } from '../../src/webhooks/place.ts'
import { planWebhooks } from '../../src/webhooks/webhook.ts'
import { Webhooks } from '../../src/webhooks/webhooks.ts'
import { secret } from './webhook-receiver.ts'
import type { WebhookReceiver } from './webhook-receiver.ts'

/** Quick enough for a test that waits for real. */
export const quick = {
  leases: { lifeMs: 1_500, renewMs: 300, marginMs: 600 },
  retries: { firstMs: 10, mostMs: 80 },
}

interface Options {
  readonly node?: string
  readonly settings?: object
  readonly clock?: Clock
  readonly leases?: LeaseTimes
  readonly retries?: { readonly firstMs: number; readonly mostMs: number }
}

export async function openNode(
  log: EventLog,
  url: string,
  options: Options = {},
): Promise<Webhooks> {
  const { node = 'one', settings = { pattern: 'orders/**' } } = options
  const { clock = systemClock, retries = quick.retries, leases } = options
  const webhook = { id: 'billing', url, secret, allowPrivate: true, ...settings }
  const checked = checkSettings({ webhooks: [webhook] })
  if (checked.faults !== undefined) throw new Error(JSON.stringify(checked.faults))
  const random = createRandom(7)
  const errors: unknown[] = []
  const webhooks = new Webhooks({
    webhooks: await planWebhooks(checked.config),
    log,
    clock,
    random: random.next,
    node,
    onError: (error) => errors.push(error),
    leases,
    retries,
  })
  await webhooks.start(nobody)
  onTestFinished(async () => {
    await webhooks.close()
    expect(errors).toEqual([])
  })
  await waitUntil('it has begun', () => webhooks.list()[0]?.cursor !== null)
  return webhooks
}

/** Waits until a node has kept that everything was delivered which its endpoint has taken. */
export async function untilKept(node: Webhooks, { taken }: WebhookReceiver): Promise<void> {
  await waitUntil('its place is kept', () => {
    const [kept, last] = [node.list()[0]?.cursor, taken.at(-1)?.data.cursor]
    return comparePositions(positionOf(String(kept)), positionOf(String(last))) >= 0
  })
}

/** No topic has sessions. */
const nobody: PresentTopics = { onTopic: () => () => undefined, topics: () => [], count: () => 0 }

export async function publish(
  log: EventLog,
  topic: string,
  ...data: readonly string[]
): Promise<void> {
  const events = data.map((one) => ({ topic: parseTopic(topic), type: 'paid', data: one }))
  await log.append({ events })
}

/** The machine's clock, whose timers wait while it is stopped. */
export class StoppingClock implements Clock {
  #aheadMs: number
  #passedMs = 0
  #isStopped = false
  #waiting: (() => void)[] = []

  /** @param aheadMs of the machine's clock of day */
  constructor(aheadMs = 0) {
    this.#aheadMs = aheadMs
  }

  now(): number {
    return systemClock.now() + this.#aheadMs
  }

  elapsed(): number {
    return systemClock.elapsed() + this.#passedMs
  }

  after(delayMs: number, task: () => void, options?: TimerOptions): Timer {
    const run = (): void => void (this.#isStopped ? this.#waiting.push(task) : task())
    return systemClock.after(delayMs, run, options)
  }

  /** Time goes by, and it comes to nothing. */
  pass(ms: number): void {
    this.#passedMs += ms
  }

  /** By its clock of day. */
  setBack(ms: number): void {
    this.#aheadMs -= ms
  }

  stop(): void {
    this.#isStopped = true
  }

  resume(): void {
    this.#isStopped = false
    for (const task of this.#waiting.splice(0)) task()
  }
}
