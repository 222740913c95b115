// Readers of the Fetch door that pause, leave and come back while much is published: what each of them got in
// all.

import { createRandom } from '@tidemark/testkit'
import { expect } from 'vitest'
import type { Tidemark } from '../../src/index.ts'
import type { FetchClient } from './fetch-client.ts'
import { settle } from './settle.ts'

type Random = ReturnType<typeof createRandom>

/** One stream of a reader, and how it leaves it. */
interface Visit {
  readonly client: FetchClient
  readonly leave: () => Promise<void> | void
}

interface ReturningReaders {
  readonly seed: number
  /** Published to `a`, each with up to 3,000 characters. */
  readonly events: number
  /** Opens a stream of `a` from the earliest event on, or after the last one the reader has. */
  readonly open: (lastEventId: string, random: Random) => Promise<Visit>
}

/** Publishes to three of them, who must get everything exactly once, in order, and leave nothing behind. */
export async function expectExactlyOnce(
  tide: Tidemark,
  { seed, events, open }: ReturningReaders,
): Promise<void> {
  const random = createRandom(seed)
  const sent = Array.from({ length: events }, (_, i) => `${i} ${'z'.repeat(random.int(3_000))}`)
  const publish = async (): Promise<void> => {
    for (const data of sent) {
      await tide.publish('a', { data })
      if (random.int(7) === 0) await settle()
    }
  }
  const follow = async (): Promise<string[]> => {
    const got: string[] = []
    let lastEventId = ''
    while (got.at(-1) !== sent.at(-1)) {
      const { client, leave } = await open(lastEventId, random)
      for (let reads = random.int(11); reads >= 0; reads--) {
        if (random.int(2) === 0) for (let n = random.int(9); n > 0; n--) await settle()
        await client.read()
        if (client.published.at(-1) === sent.at(-1)) break
      }
      got.push(...client.published)
      // A decoder may have given nothing yet.
      if (client.lastEventId !== '') lastEventId = client.lastEventId
      await leave()
    }
    return got
  }
  const publishing = publish()
  for (const got of await Promise.all([follow(), follow(), follow()])) expect(got).toEqual(sent)
  await publishing
  expect(tide.sessionCount).toBe(0)
}
