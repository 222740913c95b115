// Topics are numbered for good; the numbers must not run out.

import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseTopicSet, systemClock } from '@tidemark/log'
import { HeldFiles } from '../src/history/held-files.ts'
import { readState, writeState } from '../src/tables/log-state.ts'
import { NewestState } from '../src/lmdb-files/newest-state.ts'
import { openTables } from '../src/open/open-environment.ts'
import { openRoot } from '../src/tables/schema.ts'
import { Writer } from '../src/append/writer.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

let directory = ''

beforeEach(async () => {
  directory = await makeDirectory()
})

afterEach(async () => {
  await removeDirectory(directory)
})

async function pretendTopicsWereMade(count: number): Promise<void> {
  await (await openAt(directory)).close()
  const root = openRoot(directory, undefined)
  const newest = new NewestState(directory)
  const tables = await openTables({ root, newest })
  const fail = (text: string): void => expect.fail(text)
  const held = new HeldFiles({ directory, newest, onChange: fail })
  const writer = new Writer({ tables, held, clock: systemClock, onStuck: fail })
  await writer.run(() => writeState(tables, { ...readState(tables), nextTopicId: count }))
  await root.close()
  newest.close()
}

test.each([2 ** 32 - 2, 2 ** 48 - 5])(
  'after %i topics there is room for more, and none gets the events of another',
  async (made) => {
    await pretendTopicsWereMade(made)
    const log = await openAt(directory, {
      retention: { rules: [{ pattern: 'state/*', latestBy: 'key' }] },
    })
    const { head: start } = await log.bounds()
    const names = ['a', 'b', 'state/x', 'state/y']
    for (const round of [1, 2]) {
      for (const name of names) {
        const [topic] = parseTopicSet([name]).topics
        if (topic === undefined) throw new Error('The set lost its topic.')
        await log.append({ events: [{ topic, data: `${name} ${round}`, key: 'k' }] })
      }
    }
    const { head: upTo } = await log.bounds()
    const read = async (...set: string[]) => {
      const topics = parseTopicSet(set)
      const { records } = await log.read({ topics, after: start, upTo, limit: 100 })
      return records.map(({ data }) => data)
    }
    expect(await read('a')).toEqual(['a 1', 'a 2'])
    expect(await read('b')).toEqual(['b 1', 'b 2'])
    expect(await read('state/x')).toEqual(['state/x 2'])
    expect(await read('**')).toEqual(['a 1', 'b 1', 'a 2', 'b 2', 'state/x 2', 'state/y 2'])
    await log.close()
  },
)
