// Parts of a node are told of each session that opens, moves, gets another grant, or closes.

import { expect, onTestFinished, test } from 'vitest'
import { parseSubscriptionBody } from '../src/hub/index.ts'
import { NodeEngine } from '../src/node-engine.ts'
import type { Session } from '../src/session/session.ts'
import { holderOf } from '../src/session/session-holder.ts'
import { readOptions } from '../src/tidemark-options.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'

test('a follower is told of all that happens to a session, and one that throws harms nobody', async () => {
  const errors: unknown[] = []
  const engine = new NodeEngine(readOptions({ onError: (error) => errors.push(error) }))
  onTestFinished(() => engine.close())
  const told: string[] = []
  const tell = (what: string, session: Session): void => {
    told.push(`${what} ${session.owner.user} ${session.audience.topics.topics.join()}`)
  }
  const stop = [
    engine.followers.add({
      opened: () => {
        throw new Error('broken')
      },
    }),
    engine.followers.add({
      opened: (session) => tell('opened', session),
      moved: (session) => tell('moved', session),
      renewed: (session) => tell('renewed', session),
      closed: (session, reason) => tell(`closed ${reason}`, session),
    }),
  ]
  const grant = { user: 'ada', subscribe: ['a', 'b'] }
  const owner = holderOf(grant, {})
  const subscription = parseSubscriptionBody({ topics: ['a'] })
  const session = await engine.open(new TestClient().connect(), subscription, { owner })
  await session.changeTopics({ add: ['b'] })
  await session.renew({ ...grant, subscribe: ['b'] })
  await session.end('tired')
  await settle()
  expect(told).toEqual([
    'opened ada a',
    'moved ada a,b',
    'moved ada b',
    'renewed ada b',
    'closed tired ada b',
  ])
  expect(errors).toMatchObject([{ message: 'broken' }])
  for (const end of stop) end()
  await engine.open(new TestClient().connect(), subscription, { owner })
  expect(told).toHaveLength(5)
})
