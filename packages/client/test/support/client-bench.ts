// A client before a model of a server, on a clock that the test turns.

import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { onTestFinished } from 'vitest'
import { createClient } from '../../src/index.ts'
import type { Client, ClientOptions, Feed } from '../../src/index.ts'
import { ModelServer, turns } from '../model-server.ts'

export interface Bench {
  readonly clock: FakeClock
  readonly server: ModelServer
  readonly client: Client
}

export function setUp(options: ClientOptions = {}): Bench {
  const clock = createFakeClock()
  const server = new ModelServer()
  const settings = { fetch: server.fetch, clock, random: () => 0, ...options }
  const client = createClient('http://model.test', settings)
  onTestFinished(() => client.close())
  return { clock, server, client }
}

/** Texts of the feed's events, from now on. */
export function collect(feed: Feed): { readonly seen: string[]; readonly remove: () => void } {
  const seen: string[] = []
  return { seen, remove: feed.on('message', (_data, { text }) => void seen.push(text.trim())) }
}

/** Lets a link whose topics have changed open anew. */
export async function reopen({ clock }: Bench): Promise<void> {
  await turns()
  clock.advance(1_000)
  await turns()
}

/** Everything is written and read, beats too, and links open anew. */
export async function settle(bench: Bench): Promise<void> {
  for (let i = 0; i < 3; i++) {
    await reopen(bench)
    await bench.server.flush()
    for (const session of bench.server.open) session.beat()
    await turns()
  }
}
