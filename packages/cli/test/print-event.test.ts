// Events as lines.

import { expect, test } from 'vitest'
import { renderForPeople, renderForPrograms } from '../src/print-event.ts'

const event = { topic: 'a', type: 'paid', data: 'x', text: 'x', id: 'c-1', time: 0 }

test('colours are there when asked for and only then', () => {
  expect(renderForPeople(event, true)).toContain('\u001b[36ma\u001b[0m')
  expect(renderForPeople(event, false)).toMatch(
    /^19(?:69|70)-\d\d-\d\d [\d:.]{12} {2}a {2}paid {2}x\n$/,
  )
})

test('long data is cut for people and whole for programs', () => {
  const text = 'y'.repeat(10_000)
  const long = { ...event, data: text, text }
  expect(renderForPeople(long, false)).toContain('y… (10000 characters)\n')
  expect(JSON.parse(renderForPrograms(long))).toMatchObject({ data: text })
})

test.each([
  '1.0',
  '12345678901234567890',
  '"quoted"',
  '{ "a": 1 }',
  'null',
  '42',
  'plain',
  '{"a":1}',
  '',
])('the payload %j can be had back exactly from the JSON', (text) => {
  let data: unknown = text
  try {
    data = JSON.parse(text)
  } catch {
    // Text then, as the client takes it.
  }
  const line = JSON.parse(renderForPrograms({ ...event, data, text })) as {
    data: unknown
    text?: string
  }
  const shown = typeof line.data === 'string' ? line.data : JSON.stringify(line.data)
  expect(line.text ?? shown).toBe(text)
})
