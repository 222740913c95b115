// The contract of every door about which events a stream gets: those that it asked for, within its grant.

import { expect, test } from 'vitest'
import type { Grant } from '../../src/index.ts'
import type { Start } from './start-door.ts'

const ada: Grant = {
  user: 'ada',
  subscribe: ['a'],
  permissions: ['staff'],
  where: { region: ['eu', 'us'] },
}

export function describeFilters(start: Start): void {
  test.each([
    ['GET', { query: '?topic=a&types=paid,sent&keys=k1,k2&where=region:eu|de&where=tier:gold' }],
    [
      'POST',
      {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"topics":["a"],"types":["paid","sent"],"keys":["k1","k2"],"where":{"region":["eu","de"],"tier":"gold"}}',
      },
    ],
  ])(
    'a stream of %s gets what it asks for within its grant, live and after a cut',
    async (_, asked) => {
      const { tide, ask } = await start({ authorize: () => ada })
      const first = await ask(asked)
      await expect.poll(() => first.text).toContain('event: tidemark.ready\n')
      const seen = { type: 'paid', key: 'k1', tags: { region: 'eu', tier: 'gold' } }
      const publish = async (when: string): Promise<string> => {
        const { cursor } = await tide.publish('a', { ...seen, data: `seen ${when}` })
        for (const other of [
          { type: undefined },
          { key: undefined },
          { key: 'k3' },
          { tags: { region: 'eu' } },
          { tags: { region: 'us', tier: 'gold' } },
          { tags: { region: 'de', tier: 'gold' } },
          { permission: 'ops' },
        ])
          await tide.publish('a', { ...seen, data: `hidden ${when}`, ...other })
        await tide.publish('a', { ...seen, data: `last ${when}`, permission: 'staff' })
        return cursor
      }
      const cursor = await publish('live')
      await expect.poll(() => first.text).toContain('data: last live\n')
      first.leave()
      await expect.poll(() => tide.sessionCount).toBe(0)
      await publish('later')
      const headers = { ...('headers' in asked ? asked.headers : {}), 'last-event-id': cursor }
      const second = await ask({ ...asked, headers })
      await expect.poll(() => second.text).toContain('data: last later\n')
      expect(second.text).toContain('"resumed":"exact"')
      const got = [first, second].map(({ text }) => text.match(/(?:seen|hidden|last) \w+/g))
      expect(got).toEqual([
        ['seen live', 'last live'],
        ['last live', 'seen later', 'last later'],
      ])
    },
  )

  test.each([
    ['GET', { query: '?topic=a&where=region' }],
    ['POST', { method: 'POST', body: '{"topics":["a"],"where":{"region":7}}' }],
  ])('a filter that cannot be read is a status for everybody (%s)', async (_, asked) => {
    const { tide, ask } = await start({ authorize: () => ada })
    const answer = await ask({
      ...asked,
      headers: { accept: 'text/event-stream', 'content-type': 'application/json' },
    })
    expect(answer.status).toBe(400)
    await expect.poll(() => answer.text).toContain('"code":"FILTER_INVALID"')
    expect(tide.sessionCount).toBe(0)
  })
}
