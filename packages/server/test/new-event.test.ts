// Data that cannot be JSON is the publisher's fault to mend, with a code, not the server's.

import { memoryLog } from '@tidemark/log'
import { expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'

const circle: { self?: unknown } = {}
circle.self = circle

let deep: unknown = []
for (let level = 0; level < 100_000; level++) deep = [deep]

test.each([
  ['a circle', circle],
  ['a bigint', 7n],
  ['nesting deeper than the stack', deep],
  ['nothing', undefined],
])('data that is %s is refused with a code', async (_, data) => {
  const log = memoryLog()
  const tide = createTidemark({ log })
  onTestFinished(async () => {
    await tide.close()
    await log.close()
  })
  await expect(tide.publish('a', { data })).rejects.toMatchObject({ code: 'EVENT_INVALID' })
})
