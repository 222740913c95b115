// The cost of reading a publish, while nothing else can run.

import { expect, test } from 'vitest'
import { parseEventInputs } from '../src/event-input.ts'

const bytes = 8 * 1024 * 1024
const tiny = '{"topic":"a","data":1}'
const fill = (text: string): string => Buffer.alloc(bytes, text).toString()

test.each([
  ['lines of tiny events', fill(`${tiny}\n`), 'application/x-ndjson'],
  ['lines nobody announced', fill(`${tiny}\n`), 'text/plain'],
  ['an array of tiny events', `[${fill(`${tiny},`)}`, 'application/json'],
  ['line breaks', fill('\n'), 'application/x-ndjson'],
  ['line breaks nobody announced', fill('\n'), ''],
  ['brackets', fill('['), 'application/json'],
])('8 MiB of %s do not hold up the streams', (_, body, mediaType) => {
  const before = process.cpuUsage()
  try {
    parseEventInputs(body, mediaType)
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/BATCH_INVALID|BODY_NOT_JSON/) })
  }
  // It takes 10 to 35 ms. Time of this process, so that a machine that is busy with something else
  // changes little.
  const { user } = process.cpuUsage(before)
  expect(user / 1_000).toBeLessThan(300)
})
