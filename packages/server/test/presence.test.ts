// The users and sessions of a topic, over all nodes of a log, and the events of those who come and leave.

import { memoryLog } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type {
  PresenceData,
  PresenceRule,
  SessionHandle,
  Tidemark,
  TidemarkOptions,
} from '../src/index.ts'
import { fixGrant, parseSubscriptionBody } from '../src/hub/index.ts'
import { NodeEngine } from '../src/node-engine.ts'
import { Presence } from '../src/presence/presence.ts'
import { SessionFollowers } from '../src/session/session-followers.ts'
import type { SessionFollower } from '../src/session/session-followers.ts'
import { readOptions } from '../src/tidemark-options.ts'
import { holderOf } from '../src/session/session-holder.ts'
import { holdTail } from './support/held-log.ts'
import { passTime } from './support/pass-time.ts'
import { settle } from './support/settle.ts'
import { TestClient } from './support/test-client.ts'
import { wrapLog } from './support/wrap-log.ts'

interface Shared {
  readonly clock: FakeClock
  readonly log: EventLog
}

const here: readonly PresenceRule[] = [{ pattern: 'rooms/*' }]
const told: readonly PresenceRule[] = [{ pattern: 'rooms/*', joins: true }]

function setUp(): Shared {
  const clock = createFakeClock()
  return { clock, log: memoryLog({ clock }) }
}

async function start(
  { clock, log, authorize = 'everyone' }: Shared & Pick<TidemarkOptions, 'authorize'>,
  nodeName: string,
  presence?: readonly PresenceRule[],
): Promise<Tidemark> {
  const rules = { presence }
  const tide = createTidemark({ clock, log, nodeName, rules, authorize })
  onTestFinished(async () => {
    const closed = tide.close()
    await passTime(clock, 1_500)
    await closed
  })
  await tide.ready
  return tide
}

async function open(
  tide: Tidemark,
  user: string | undefined,
  topics: readonly string[] = ['rooms/1'],
): Promise<SessionHandle> {
  return tide.open(new TestClient().connect(), parseSubscriptionBody({ topics }), { user })
}

/** Those who are in a topic, as short as it can be said. */
async function look(tide: Tidemark, topic = 'rooms/1'): Promise<string> {
  const { users, sessions, isWhole } = await tide.presence(topic)
  const names = users.map(({ user, sessions: count }) => `${user}:${count}`)
  return `${[...names, `of ${sessions}`].join(' ')}${isWhole ? '' : ' at least'}`
}

/** The joins and leaves that a topic was told of. */
async function listTold(tide: Tidemark, topic = 'rooms/1'): Promise<readonly string[]> {
  const { records } = await tide.history({ topic, limit: 1_000 })
  return records.map(({ type = '', data }) => {
    const { user } = JSON.parse(data) as { user: string }
    return `${type.slice('tidemark.'.length)} ${user}`
  })
}

/** Records of the hub's own state. */
async function countRecords({ log }: Shared, topic: string): Promise<number> {
  const tide = createTidemark({ log, authorize: 'everyone' })
  const { records } = await tide.history({ topic, limit: 1_000 })
  await tide.close()
  return records.length
}

test('every node knows the users and sessions of a topic, also those of nobody in particular', async () => {
  const shared = setUp()
  const [a, b] = [await start(shared, 'a', here), await start(shared, 'b', here)]
  await open(a, 'ada')
  await open(b, 'ada')
  await open(b, 'bob', ['rooms/1', 'rooms/2', 'news'])
  const last = await open(a, undefined)
  await passTime(shared.clock, 1_000)
  for (const tide of [a, b]) expect(await look(tide)).toBe('ada:2 bob:1 of 4')
  await last.end()
  await passTime(shared.clock, 500)
  for (const tide of [a, b]) {
    expect(await look(tide)).toBe('ada:2 bob:1 of 3')
    expect(await look(tide, 'rooms/2')).toBe('bob:1 of 1')
    expect(await look(tide, 'rooms/3')).toBe('of 0')
    await expect(tide.presence('news')).rejects.toMatchObject({ code: 'PRESENCE_OFF', status: 404 })
  }
})

test('a session that moves is where it has moved to, and a pattern makes nobody present', async () => {
  const shared = setUp()
  const [a, b] = [await start(shared, 'a', here), await start(shared, 'b', here)]
  const ada = await open(a, 'ada', ['news'])
  await open(a, 'bob', ['rooms/*'])
  await ada.changeTopics({ add: ['rooms/1'] })
  await passTime(shared.clock, 500)
  expect(await look(b)).toBe('ada:1 of 1')
  await ada.changeTopics({ add: ['rooms/2'], remove: ['rooms/1'] })
  await passTime(shared.clock, 500)
  for (const tide of [a, b]) {
    expect(await look(tide)).toBe('of 0')
    expect(await look(tide, 'rooms/2')).toBe('ada:1 of 1')
  }
})

test('a user shows the facts of the newest session that has any', async () => {
  const shared = setUp()
  const [a, b] = [await start(shared, 'a', told), await start(shared, 'b', told)]
  const room = parseSubscriptionBody({ topics: ['rooms/1'] })
  const join = (tide: Tidemark, presence?: PresenceData): Promise<SessionHandle> =>
    tide.open(new TestClient().connect(), room, { user: 'ada', presence })
  await join(a, { name: 'Ada' })
  await passTime(shared.clock, 1_000)
  const newer = await join(b, { name: 'Ada L.', age: 36, isHost: true })
  await join(b)
  await passTime(shared.clock, 1_000)
  for (const tide of [a, b]) {
    const { users } = await tide.presence('rooms/1')
    const data = { name: 'Ada L.', age: 36, isHost: true }
    expect(users).toEqual([{ user: 'ada', sessions: 3, data }])
  }
  await newer.end()
  await passTime(shared.clock, 1_000)
  expect((await b.presence('rooms/1')).users).toMatchObject([{ data: { name: 'Ada' } }])
  const { records } = await a.history({ topic: 'rooms/1' })
  expect(records.map(({ data }) => data)).toEqual(['{"user":"ada","data":{"name":"Ada"}}'])
})

test('a fresh grant shows other facts', async () => {
  const shared = setUp()
  const [a, b] = [await start(shared, 'a', here), await start(shared, 'b', here)]
  const room = parseSubscriptionBody({ topics: ['rooms/1'] })
  const grant = { user: 'ada', subscribe: ['rooms/1'], presence: { name: 'Ada' } }
  const owner = holderOf(grant, {})
  const session = await a.openGranted(new TestClient().connect(), room, { owner })
  await session.renew({ ...grant, presence: { name: 'Ada L.' } })
  await passTime(shared.clock, 1_000)
  for (const tide of [a, b]) {
    const { users } = await tide.presence('rooms/1')
    expect(users).toEqual([{ user: 'ada', sessions: 1, data: { name: 'Ada L.' } }])
  }
})

test.each([
  ['a text', 'Ada'],
  ['a list', ['Ada']],
  ['a fact within a fact', { name: { first: 'Ada' } }],
  ['a number without end', { age: Infinity }],
  ['too long', { name: 'x'.repeat(512) }],
])('facts that are %s are refused', async (_what, given) => {
  const shared = setUp()
  const a = await start(shared, 'a', here)
  const presence = given as never
  const room = parseSubscriptionBody({ topics: ['rooms/1'] })
  await expect(a.open(new TestClient().connect(), room, { presence })).rejects.toMatchObject({
    code: 'OPTION_INVALID',
  })
  expect(() => fixGrant({ user: 'ada', presence })).toThrow(/presence of a grant/)
})

test('users are told page by page in the order of their names', async () => {
  const shared = setUp()
  const a = await start(shared, 'a', here)
  for (const user of ['cy', 'ada', 'bob', 'dan', 'eve']) await open(a, user)
  await passTime(shared.clock, 500)
  const first = await a.presence('rooms/1', { limit: 2 })
  expect(first).toMatchObject({ sessions: 5, next: 'bob' })
  const second = await a.presence('rooms/1', { limit: 2, after: first.next })
  const third = await a.presence('rooms/1', { limit: 2, after: second.next })
  const names = [first, second, third].map(({ users }) => users.map(({ user }) => user))
  expect(names).toEqual([['ada', 'bob'], ['cy', 'dan'], ['eve']])
  expect(third).not.toHaveProperty('next')
})

test('presence is asked for as the topic is read', async () => {
  const shared = setUp()
  const authorize: TidemarkOptions['authorize'] = ({ action }) => ({
    user: 'ada',
    subscribe: action === 'read' ? ['rooms/1'] : [],
  })
  const a = await start({ ...shared, authorize }, 'a', here)
  await passTime(shared.clock, 500)
  const by = { method: 'GET', url: '/', header: () => undefined, address: undefined }
  expect(await a.presence('rooms/1', { by })).toMatchObject({ sessions: 0 })
  await expect(a.presence('rooms/2', { by })).rejects.toMatchObject({ code: 'TOPIC_FORBIDDEN' })
})

test('who is there is hidden from a grant that shows events by their tags', async () => {
  const shared = setUp()
  const authorize: TidemarkOptions['authorize'] = (request) => ({
    user: 'eve',
    subscribe: ['rooms/*'],
    where: request.header('x-region') === 'eu' ? { region: 'eu' } : {},
  })
  const a = await start({ ...shared, authorize }, 'a', here)
  await passTime(shared.clock, 500)
  const ask = (region: string | undefined): Promise<unknown> => {
    const by = { method: 'GET', url: '/', header: () => region, address: undefined }
    return a.presence('rooms/1', { by })
  }
  expect(await ask(undefined)).toMatchObject({ sessions: 0 })
  await expect(ask('eu')).rejects.toMatchObject({ code: 'TOPIC_FORBIDDEN' })
})

test('presence follows sessions only while a rule keeps it', async () => {
  const { clock, log } = setUp()
  const settings = readOptions({ clock, log, nodeName: 'a' })
  const engine = new NodeEngine(settings)
  class Followers extends SessionFollowers {
    count = 0
    override add(follower: SessionFollower): () => void {
      this.count += 1
      const end = super.add(follower)
      return () => {
        this.count -= 1
        end()
      }
    }
  }
  const followers = new Followers(settings.onError)
  const { rules, sessions } = engine
  const presence = new Presence(settings, { rules, followers, sessions })
  await engine.start()
  await passTime(clock, 500)
  expect(followers.count).toBe(0)
  await rules.inForce.presence.replace(here)
  await passTime(clock, 500)
  expect(followers.count).toBe(1)
  await rules.inForce.presence.replace([])
  await passTime(clock, 500)
  expect(followers.count).toBe(0)
  await presence.close()
  await engine.close()
})

test('without a rule nothing is told, and no node says that it is there', async () => {
  const shared = setUp()
  const [a, b] = [await start(shared, 'a'), await start(shared, 'b', [])]
  await open(a, 'ada')
  await open(b, 'bob')
  await passTime(shared.clock, 5_000)
  expect(await countRecords(shared, '$hub/state/nodes')).toBe(0)
  expect(await countRecords(shared, '$hub/state/presence')).toBe(0)
  expect(await countRecords(shared, 'rooms/1')).toBe(0)
})

test('a rule that comes at run time counts sessions that are open, and one that goes takes all back', async () => {
  const shared = setUp()
  const [a, b] = [await start(shared, 'a'), await start(shared, 'b')]
  await open(a, 'ada')
  await open(b, 'bob')
  await a.rules.presence.replace(told)
  await passTime(shared.clock, 1_000)
  for (const tide of [a, b]) expect(await look(tide)).toBe('ada:1 bob:1 of 2')
  expect((await listTold(a)).toSorted()).toEqual(['join ada', 'join bob'])
  await b.rules.presence.replace([])
  await passTime(shared.clock, 8_000)
  await expect(a.presence('rooms/1')).rejects.toMatchObject({ code: 'PRESENCE_OFF' })
  await passTime(shared.clock, 250_000)
  expect(await countRecords(shared, '$hub/state/nodes')).toBe(0)
})

test('a topic is told once when the first session of a user comes and the last has left', async () => {
  const shared = setUp()
  const [a, b] = [await start(shared, 'a', told), await start(shared, 'b', told)]
  const sessions = [await open(a, 'ada'), await open(b, 'ada'), await open(a, 'ada')]
  await open(b, undefined)
  await passTime(shared.clock, 2_000)
  expect(await listTold(a)).toEqual(['join ada'])
  for (const session of sessions) {
    await session.end()
    await passTime(shared.clock, 4_000)
  }
  await passTime(shared.clock, 4_000)
  expect(await listTold(b)).toEqual(['join ada', 'leave ada'])
  await open(b, 'ada')
  await passTime(shared.clock, 1_000)
  expect(await listTold(b)).toEqual(['join ada', 'leave ada', 'join ada'])
})

test.each(['a', 'b'])(
  'a user who comes back within 3 seconds, on node %s, has not left',
  async (name) => {
    const shared = setUp()
    const tides = { a: await start(shared, 'a', told), b: await start(shared, 'b', told) }
    const session = await open(tides.a, 'ada')
    await passTime(shared.clock, 1_000)
    for (let i = 0; i < 3; i++) {
      await (i === 0 ? session : [...tides.a.sessions(), ...tides.b.sessions()][0])?.end()
      await passTime(shared.clock, 2_750)
      expect(await look(tides.b)).toBe('of 0')
      await open(name === 'a' ? tides.a : tides.b, 'ada')
      await passTime(shared.clock, 2_000)
    }
    await passTime(shared.clock, 5_000)
    expect(await listTold(tides.a)).toEqual(['join ada'])
  },
)

test('a node that dies without a word takes its sessions off within 15 seconds, and its users leave', async () => {
  const shared = setUp()
  let isDead = false
  const log = wrapLog(shared.log, {
    append: (batch) =>
      isDead ? Promise.reject(new Error('It is dead.')) : shared.log.append(batch),
  })
  const a = await start(shared, 'a', told)
  const b = await start({ ...shared, log }, 'b', told)
  await open(a, 'ada')
  await open(b, 'ada')
  await open(b, 'bob')
  await passTime(shared.clock, 3_000)
  expect(await look(a)).toBe('ada:2 bob:1 of 3')
  isDead = true
  await passTime(shared.clock, 10_500)
  expect(await look(a)).toBe('ada:1 of 1')
  await passTime(shared.clock, 4_500)
  expect(await listTold(a)).toEqual(expect.arrayContaining(['join ada', 'join bob', 'leave bob']))
  expect(await listTold(a)).toHaveLength(3)
  isDead = false
  await passTime(shared.clock, 6_000)
  for (const tide of [a, b]) expect(await look(tide)).toBe('ada:2 bob:1 of 3')
  expect((await listTold(a)).slice(3)).toEqual(['join bob'])
})

test('a user who never comes back after all nodes were down leaves when one is there again', async () => {
  const shared = setUp()
  const before = await start(shared, 'before', told)
  await open(before, 'ada')
  await open(before, 'bob')
  await passTime(shared.clock, 1_000)
  await before.close()
  const after = await start(shared, 'after', told)
  await open(after, 'ada')
  await passTime(shared.clock, 5_000)
  expect((await listTold(after)).toSorted()).toEqual(['join ada', 'join bob', 'leave bob'])
})

test('a join whose node died before its event was written is told by another node', async () => {
  const shared = setUp()
  let isDead = false
  const log = wrapLog(shared.log, {
    append: (batch) => {
      const isJoin = batch.events.some(({ type }) => type === 'tidemark.join')
      isDead ||= isJoin
      return isDead ? Promise.reject(new Error('It is dead.')) : shared.log.append(batch)
    },
  })
  const a = await start(shared, 'a', told)
  const b = await start({ ...shared, log }, 'b', told)
  await passTime(shared.clock, 1_000)
  await open(b, 'bob')
  await passTime(shared.clock, 500)
  expect([isDead, await listTold(a)]).toEqual([true, []])
  await passTime(shared.clock, 15_000)
  expect(await listTold(a)).toEqual(['join bob', 'leave bob'])
})

test('a join that could not be completed when its node died is told before its leave', async () => {
  const shared = setUp()
  let refusals = 0
  const weak = wrapLog(shared.log, {
    append: (batch) => {
      const isJoin = batch.events.some(({ type }) => type === 'tidemark.join')
      if (!isJoin || refusals++ > 0) return shared.log.append(batch)
      return Promise.reject(new Error('The disk is full.'))
    },
  })
  let isDead = false
  const mortal = wrapLog(shared.log, {
    append: (batch) => {
      isDead ||= batch.events.some(({ type }) => type === 'tidemark.join')
      return isDead ? Promise.reject(new Error('It is dead.')) : shared.log.append(batch)
    },
  })
  const a = await start({ ...shared, log: weak }, 'a', told)
  const b = await start({ ...shared, log: mortal }, 'b', told)
  await passTime(shared.clock, 1_000)
  await open(b, 'bob')
  await passTime(shared.clock, 16_000)
  expect([refusals, await listTold(a)]).toEqual([2, ['join bob', 'leave bob']])
})

test('a node that does not know all sessions yet tells of no leave', async () => {
  const shared = setUp()
  let isQuiet = false
  const log = wrapLog(shared.log, {
    append: (batch) =>
      isQuiet && batch.events.some(({ key }) => key === 'present b')
        ? Promise.reject(new Error('The disk is full.'))
        : shared.log.append(batch),
  })
  const b = await start({ ...shared, log }, 'b', told)
  await open(b, 'ada')
  await passTime(shared.clock, 1_000)
  isQuiet = true
  const a = await start(shared, 'a', told)
  await passTime(shared.clock, 8_000)
  isQuiet = false
  await passTime(shared.clock, 8_000)
  expect(await look(a)).toBe('ada:1 of 1')
  expect(await listTold(a)).toEqual(['join ada'])
})

test('a node that stood still hears who has come back before it tells of a leave', async () => {
  const shared = setUp()
  const held = holdTail(shared.log)
  const late: (() => void)[] = []
  let isStanding = false
  const clock: FakeClock = {
    ...shared.clock,
    after: (delayMs, task) =>
      shared.clock.after(delayMs, () => (isStanding ? void late.push(task) : task())),
  }
  const passBoth = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 250) {
      if (!isStanding) held.release()
      await passTime(shared.clock, 250)
    }
  }
  const starting = start({ log: held.log, clock }, 'a', told)
  await passBoth(500)
  const a = await starting
  const b = await start(shared, 'b', told)
  const session = await open(b, 'ada')
  await passBoth(2_000)
  await session.end()
  await passBoth(2_000)
  isStanding = true
  await open(b, 'ada')
  await passBoth(5_000)
  isStanding = false
  for (const task of late) task()
  await passBoth(3_000)
  expect(await look(a)).toBe('ada:1 of 1')
  expect(await listTold(b)).toEqual(['join ada'])
})

test.each([
  ['no list', 'rooms/*'],
  ['joins that are no boolean', [{ pattern: 'a', joins: 'yes' }]],
  ['a pattern that is none', [{ pattern: 'a//b' }]],
  ['a topic of the hub', [{ pattern: '$hub/**' }]],
  ['too many', Array.from({ length: 1_001 }, (_, i) => ({ pattern: `a/${i}` }))],
])('a list of rules that is %s is refused, and what was in force stays', async (_name, list) => {
  const shared = setUp()
  const a = await start(shared, 'a', here)
  const given = list as readonly PresenceRule[]
  await expect(a.rules.presence.replace(given)).rejects.toMatchObject({ code: 'RULE_INVALID' })
  expect(() => createTidemark({ rules: { presence: given } })).toThrow(
    expect.objectContaining({ code: 'OPTION_INVALID' }),
  )
  expect(a.rules.presence.list).toEqual([{ pattern: 'rooms/*', joins: false }])
})

test('a rule for all topics keeps nobody of the topics of the hub', async () => {
  const shared = setUp()
  const a = await start(shared, 'a', [{ pattern: '**', joins: true }])
  await open(a, 'ada', ['$hub/probe', 'x'])
  await passTime(shared.clock, 1_000)
  expect(await look(a, 'x')).toBe('ada:1 of 1')
  await expect(a.presence('$hub/probe')).rejects.toMatchObject({ code: 'PRESENCE_OFF' })
})

test('a session is present in its first 50 topics', async () => {
  const shared = setUp()
  const a = await start(shared, 'a', [{ pattern: '**' }])
  const topics = Array.from({ length: 51 }, (_, i) => `t/${1_000 + i}`)
  await open(a, 'ada', topics)
  await settle(10)
  expect(await look(a, 't/1049')).toBe('ada:1 of 1')
  expect(await look(a, 't/1050')).toBe('of 0')
})
