// Lines of a stream: whatever the chunks, whatever the pace.

import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { batchBytesMax, batchLinesMax, inputBytesMax, waitingLinesMax } from '../src/limits.ts'
import { LineBatches } from '../src/line-batches.ts'
import { LineSplitter } from '../src/line-splitter.ts'

test('lines are the same however the bytes are cut', () => {
  const text = fc.array(
    fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('\n', '\r\n', 'ü', '𝄞')),
  )
  fc.assert(
    fc.property(text, fc.array(fc.nat(40)), (parts, cuts) => {
      const bytes = Buffer.from(parts.join(''))
      const lines: string[] = []
      const splitter = new LineSplitter((line) => lines.push(line))
      let at = 0
      for (const cut of cuts) splitter.push(bytes.subarray(at, (at += cut)))
      splitter.push(bytes.subarray(at))
      splitter.end()
      const expected = bytes.toString().split('\n')
      if (expected.at(-1) === '') expected.pop()
      expect(lines).toEqual(
        expected.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line)),
      )
    }),
  )
})

test('a line without end is refused at the limit and not kept', () => {
  const splitter = new LineSplitter(() => undefined)
  const chunk = Buffer.alloc(1024 * 1024, 'a')
  for (let i = 0; i < inputBytesMax / chunk.length; i++) splitter.push(chunk)
  expect(() => splitter.push(chunk)).toThrow('Line 1 has more than')
})

test('a line leaves at once when nothing else is there', async () => {
  const input = new PassThrough()
  const batches = new LineBatches(input)
  const taken = batches.take()
  input.write('one\n')
  expect(await taken).toEqual({ first: 1, lines: ['one'] })
  input.end('tw')
  expect(await batches.take()).toEqual({ first: 2, lines: ['tw'] })
  expect(await batches.take()).toBeUndefined()
})

test('a batch is bounded in lines and bytes, and a line above that goes alone', async () => {
  const input = new PassThrough()
  const batches = new LineBatches(input)
  const long = 'x'.repeat(batchBytesMax + 1)
  input.end(`${'a\n'.repeat(batchLinesMax + 2)}${long}\n${'y'.repeat(batchBytesMax)}\nlast`)
  const sizes: number[] = []
  for (let batch = await batches.take(); batch !== undefined; batch = await batches.take()) {
    sizes.push(batch.lines.length)
  }
  expect(sizes).toEqual([batchLinesMax, 2, 1, 1, 1])
})

test('reading pauses while enough waits, and goes on when it was taken', async () => {
  const input = new PassThrough({ highWaterMark: 1 })
  const batches = new LineBatches(input)
  input.write('a\n'.repeat(waitingLinesMax))
  await batches.take()
  input.write('a\n'.repeat(waitingLinesMax))
  await batches.take()
  expect(input.isPaused()).toBe(true)
  while (batches.waiting > 0) await batches.take()
  expect(input.isPaused()).toBe(false)
})
