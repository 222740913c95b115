// How long a cursor can be: one number, from the grammar of docs/PROTOCOL.md, and whatever else says it.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { formatCursor, parseCursor } from '@tidemark/log'
import { shownCursorMax } from '../../packages/cli/src/limits.ts'

const protocol = readFileSync(new URL('../../docs/PROTOCOL.md', import.meta.url), 'utf8')

/** The most that a rule of the grammar repeats its characters: `1*11( … )`, `*4part`. */
function readMost(rule: RegExp): number {
  return Number(rule.exec(protocol)?.[1])
}

const epochMost = readMost(/^epoch {4}= \d+\*(\d+)\(/m)
const sequenceMost = readMost(/^sequence = 1\*(\d+)\(/m)
const partsMost = readMost(/^cursor {3}= "1" epoch "-" sequence \*(\d+)part$/m)
const valueMost = readMost(/^part {5}= "~" %x61-7A 1\*(\d+)\(/m)
const longest = '1'.length + epochMost + '-'.length + sequenceMost + partsMost * (2 + valueMost)

test('the longest cursor of the grammar is read and written, and none that is longer', () => {
  const sequence = Number.MAX_SAFE_INTEGER.toString(36)
  expect(sequence).toHaveLength(sequenceMost)
  const epoch = `${'z'.repeat(epochMost - sequenceMost)}${sequence}`
  const parts = Array.from(
    { length: partsMost },
    (_, i) => `~${'abcdefgh'[i]}${'v'.repeat(valueMost)}`,
  )
  const text = `1${epoch}-${sequence}${parts.join('')}`
  expect(text).toHaveLength(longest)
  const cursor = parseCursor(text)
  if (cursor === undefined) throw new Error('The longest cursor cannot be read.')
  expect(formatCursor(cursor.position, cursor.parts)).toBe(text)
  const longer = [`1${epoch}0-${sequence}`, `1${epoch}-${sequence}0`, `${text}v`, `${text}~ev`]
  for (const one of longer) expect(parseCursor(one)).toBeUndefined()
})

test('the protocol says how long a cursor can be, and the command line shows one whole', () => {
  const said = /\*\*Cursor\*\*: [^:]* (\d+) at most with all its parts/.exec(protocol)?.[1]
  expect([said, shownCursorMax]).toEqual([String(longest), longest])
})
