// The outbox of docs/guide/outbox.md against a database in a file. The relay dies again and again, and the
// hub is killed meanwhile.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createPublisher } from '@tidemark/client'
import type { Publisher } from '@tidemark/client'
import { createRandom, startHubProcess } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { makeTables, placeOrder, relay } from './support/outbox.ts'
import { makeDirectory } from './support/test-hub.ts'

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')

test('the guide has the lines that are tested here', () => {
  const code = read('support/outbox.ts')
  const recipe = code.slice(code.indexOf('export function')).replaceAll('export ', '')
  expect(read('../../../docs/guide/outbox.md')).toContain(recipe.trim())
})

test('each order is one event and the other way round, whoever dies where', async () => {
  const dataDirectory = await makeDirectory()
  const file = join(await makeDirectory(), 'shop.db')
  const args = ['--workers=2']
  let hub = await startHubProcess({ dataDirectory, args })
  onTestFinished(() => hub.stop())
  const random = createRandom(7)
  const whole = createPublisher(`${hub.url}/publish`)
  const dying: Publisher = {
    ...whole,
    async publish(...given) {
      if (random.int(9) === 0) throw new Error('the relay dies before it asks')
      const receipt = await whole.publish(...given)
      if (random.int(4) === 0) throw new Error('the relay dies before it deletes')
      return receipt
    },
  }
  const orders: string[] = []
  for (let round = 0; round < 20; round++) {
    // Each relay opens the database anew, as a new process does.
    const db = new DatabaseSync(file)
    makeTables(db)
    for (let i = 0; i < 5; i++) {
      const id = `${round}-${i}`
      placeOrder(db, id, i)
      orders.push(id)
      expect(() => placeOrder(db, id, 99)).toThrow(/UNIQUE/)
    }
    if (round % 7 === 3) {
      await hub.kill('SIGKILL')
      hub = await startHubProcess({ dataDirectory, args, port: hub.port })
    }
    await relay(db, dying).catch(() => undefined)
    db.close()
  }
  const db = new DatabaseSync(file)
  while ((await relay(db, whole)) > 0);
  db.close()
  const published: string[] = []
  for (const id of orders) {
    const answer = await fetch(`${hub.url}/topics/orders/${id}`)
    const { records } = (await answer.json()) as { records: { data: string }[] }
    published.push(...records.map(({ data }) => (JSON.parse(data) as { id: string }).id))
  }
  expect(published).toEqual(orders)
})
