// Snapshots at every door of an application: a newcomer gets the table whole, whichever moment its connection
// ends in, and hears of deletions.

import { memoryLog } from '@tidemark/log'
import { waitUntil } from '@tidemark/testkit'
import { createDecoder } from '@tidemark/wire'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Tidemark } from '../src/index.ts'
import { doors } from './support/doors.ts'
import type { DoorAnswer } from './support/doors.ts'
import { KeyedClient } from './support/keyed-client.ts'

const retention = { rules: [{ pattern: 'prices/**', latestBy: 'key' }] } as const

/** Reads what has come of an answer, up to its last whole event, as the client that it is for. */
function read(client: KeyedClient, { text }: DoorAnswer): KeyedClient {
  const { lastEventId } = client
  client.left = Infinity
  const decoder = createDecoder({ event: (event) => client.take(event) }, { lastEventId })
  decoder.push(new TextEncoder().encode(text))
  if (client.faults.length > 0) throw client.faults[0]
  return client
}

const newClient = (): KeyedClient =>
  new KeyedClient({ asked: ['prices/eu'], numberOf: (data) => Number(data.split(' ')[0]) })

const untilText = (answer: DoorAnswer, text: string): Promise<void> =>
  waitUntil(`${text} is there`, () => answer.text.includes(text))

describe.each(doors)('$name', (door) => {
  test('a newcomer gets the table, is cut while it comes, and has it whole after its return to another node', async () => {
    const log = memoryLog({ retention })
    const create = (): Tidemark => createTidemark({ log, authorize: 'everyone' })
    const [one, other] = [create(), create()]
    const [first, second] = [await door.open(one), await door.open(other)]
    onTestFinished(async () => {
      await Promise.all([one.close(), other.close()])
      await Promise.all([first.close(), second.close()])
    })
    // More than a socket takes at a time.
    const events = Array.from({ length: 4_000 }, (_, i) => {
      return { topic: 'prices/eu', key: `k${i}`, data: `${i + 1} ${'x'.repeat(500)}` }
    })
    await one.publishAll(events)
    const query = '?topic=prices/eu&fields=topic,key'
    const cut = await first.ask({ query })
    await untilText(cut, 'data: 2 ')
    cut.leave()
    const client = read(newClient(), cut)
    expect(client.isInSnapshot).toBe(true)
    await one.deleteKey('prices/eu', 'k0')
    await one.publish('prices/eu', { key: 'k1', data: '4001 moved' })
    await one.deleteKey('prices/eu', 'k3999')
    const back = await second.ask({ query, headers: { 'last-event-id': client.lastEventId } })
    await untilText(back, '"phase":"end"')
    await other.publish('prices/eu', { key: 'live', data: '4002 live' })
    await untilText(back, '4002 live')
    const { table } = read(client, back)
    expect(back.text).toContain('"resumed":"exact"')
    expect(back.text).not.toContain('tidemark.gap')
    expect(client.counts.snapshots).toBe(1)
    expect(table.size).toBe(3_999)
    expect(table.get('prices/eu\nk1')).toBe('4001 moved')
    expect(table.get('prices/eu\nlive')).toBe('4002 live')
    expect(table.has('prices/eu\nk0')).toBe(false)
    expect(table.has('prices/eu\nk3999')).toBe(false)
    back.leave()
  })

  test('a page that was made from the cursor before its own read goes on without a seam', async () => {
    const tide = createTidemark({ log: memoryLog({ retention }), authorize: 'everyone' })
    const opened = await door.open(tide)
    onTestFinished(async () => {
      await tide.close()
      await opened.close()
    })
    await tide.publish('prices/eu', { key: 'a', data: '1' })
    const cursor = await tide.cursor(['prices/eu'])
    await tide.publish('prices/eu', { key: 'b', data: '2' })
    await tide.deleteKey('prices/eu', 'a')
    const query = `?topic=prices/eu&fields=topic,key&since=${cursor}`
    const answer = await opened.ask({ query })
    await untilText(answer, 'tidemark.deleted')
    const { table, counts } = read(newClient(), answer)
    expect([...table]).toEqual([['prices/eu\nb', '2']])
    expect(counts).toMatchObject({ snapshots: 0, deleted: 1 })
    answer.leave()
  })
})
