// Mistakes of the application: its operator hears of each, and a client of no more than that there is one.

import { describe, expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Grant, SubscribeOptions, Tidemark, TidemarkOptions } from '../src/index.ts'
import { doors } from './support/doors.ts'
import type { Ask, Door, DoorAnswer } from './support/doors.ts'

async function start(
  door: Door,
  options: SubscribeOptions | undefined,
  nodeOptions: TidemarkOptions = {},
): Promise<{ told: unknown[]; tide: Tidemark; ask: (ask: Ask) => Promise<DoorAnswer> }> {
  const told: unknown[] = []
  const tide = createTidemark({ onError: (error) => told.push(error), ...nodeOptions })
  const handed: Pick<Tidemark, 'fetch' | 'subscribe'> = {
    subscribe: (request, response) => tide.subscribe(request, response, options),
    fetch: (request) => tide.fetch(request, options),
  }
  const open = await door.open(handed as Tidemark)
  onTestFinished(async () => {
    await tide.close()
    await open.close()
  })
  return { told, tide, ask: (ask) => open.ask(ask) }
}

const secret = 'users/ada-7f3a'

describe.each(doors.map((door) => [door.name, door] as const))('by %s', (_name, door) => {
  test.each<[string, unknown]>([
    ['a list of no topics', { topics: [] }],
    ['a text in place of a list', { topics: secret }],
    ['1,001 topics', { topics: Array.from({ length: 1_001 }, (_, i) => `${secret}/${i}`) }],
    ['a malformed topic', { topics: [`${secret}//`] }],
    ['a topic that is no text', { topics: [{ secret }] }],
    ['a beginning that is none', { topics: ['a'], since: secret }],
    ['an empty user', { topics: ['a'], user: '' }],
    ['a label that is too long', { topics: ['a'], label: secret.repeat(100) }],
    ['a user without topics', { user: secret }],
    ['an end in seconds', { topics: ['a'], expiresAt: 1_764_280_000 }],
    ['an end that is no number', { topics: ['a'], expiresAt: NaN }],
    [
      'an option that throws',
      {
        get topics() {
          throw new Error(secret)
        },
      },
    ],
    ['a compression and a way that are none', { topics: ['a'], compression: secret, way: secret }],
  ])('%s is told to the operator, and its values to no client', async (_, options) => {
    const { told, tide, ask } = await start(door, options as SubscribeOptions)
    const answer = await ask({ query: '' })
    expect(answer.status).toBe(500)
    await expect.poll(() => answer.text).toContain('"code":"OPTION_INVALID"')
    expect(answer.text).not.toContain(secret)
    expect(told).toEqual([expect.objectContaining({ code: 'OPTION_INVALID' })])
    expect(tide.sessionCount).toBe(0)
  })

  test('what a grant holds is quoted to the operator, and to no client', async () => {
    const authorize = (): Grant => ({ user: 'ada', subscribe: [`${secret}*`] })
    const { told, ask } = await start(door, undefined, { authorize })
    const answer = await ask({ query: '?topic=a' })
    expect(answer.status).toBe(500)
    await expect.poll(() => answer.text).toContain('"code":"OPTION_INVALID"')
    expect(answer.text).not.toContain(secret)
    expect(told).toMatchObject([{ message: expect.stringContaining(secret) }])
  })

  test('topics that the options inherit, or give by a getter, are chosen all the same', async () => {
    class Choice {
      get topics(): string[] {
        return ['news']
      }
    }
    for (const options of [new Choice(), Object.create({ topics: ['news'] }) as object]) {
      const { tide, ask } = await start(door, options, { authorize: 'everyone' })
      const answer = await ask({ query: '?topic=secrets' })
      await expect.poll(() => answer.text).toContain('event: tidemark.ready')
      expect(tide.sessions().map(({ topics }) => topics)).toEqual([['news']])
    }
  })

  test('a stream whose end has passed is refused, or its client would come back for ever', async () => {
    const { told, tide, ask } = await start(door, { topics: ['a'], expiresAt: Date.now() - 1 })
    const answer = await ask({ query: '', headers: { accept: 'text/event-stream' } })
    expect(answer.status).toBe(401)
    await expect.poll(() => answer.text).toContain('"code":"UNAUTHENTICATED"')
    expect(told).toEqual([])
    expect(tide.sessionCount).toBe(0)
  })
})

test('a client that leaves in the middle of its body tells the operator nothing', async () => {
  const told: unknown[] = []
  const tide = createTidemark({ authorize: 'everyone', onError: (error) => told.push(error) })
  onTestFinished(() => tide.close())
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('{"topics":')),
    pull: (controller) => controller.error(new Error('the client has left')),
  })
  const init = { method: 'POST', body, duplex: 'half' } as const
  const response = await tide.fetch(new Request('http://localhost/', init))
  expect(response.status).toBe(400)
  expect(told).toEqual([])
})

class Token {
  readonly subscribe = ['a']
  readonly #claims: { readonly exp: number }
  constructor(exp: number) {
    this.#claims = { exp }
  }
  get expiresAt(): number {
    return this.#claims.exp * 1_000
  }
}

test('a grant that is an object of a class ends when its getter says so', async () => {
  const tide = createTidemark({ authorize: () => new Token(1_000_000_000) })
  onTestFinished(() => tide.close())
  const response = await tide.fetch(new Request('http://localhost/?topic=a'))
  expect(response.status).toBe(401)
})

test('a restriction that a grant inherits is not taken for none', async () => {
  const base: object = { where: { room: 1 } }
  const grant = Object.assign(Object.create(base) as object, { subscribe: ['a'] })
  const tide = createTidemark({ authorize: () => grant })
  onTestFinished(() => tide.close())
  const response = await tide.fetch(new Request('http://localhost/?topic=a'))
  expect(response.status).toBe(500)
})
