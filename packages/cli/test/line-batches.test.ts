// Lines of a stream: whatever the chunks, whatever the pace.

import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { createPublisher } from '@tidemark/client'
import { collectGarbage } from '@tidemark/testkit'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  batchBytesMax,
  batchLinesMax,
  inputBytesMax,
  waitingBytesMax,
  waitingLinesMax,
} from '../src/limits.ts'
import { LineBatches } from '../src/line-batches.ts'
import { LineSplitter } from '../src/line-splitter.ts'
import { publishLines } from '../src/publish-lines.ts'

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

test('a line that arrives byte by byte takes little more memory than it has bytes', () => {
  let lines = 0
  const splitter = new LineSplitter((text, bytes) => {
    lines += 1
    expect(text).toBe('y'.repeat(bytes))
  })
  const before = collectGarbage()
  const count = 200_000
  for (let i = 0; i < count; i++) splitter.push(Buffer.from('y'))
  expect(collectGarbage() - before).toBeLessThan(2 * count + 512 * 1024)
  splitter.push(Buffer.from('\n'))
  expect(lines).toBe(1)
})

/** Publishes what is written, to a hub that takes each request and answers none. */
function publishToNobody(input: PassThrough): { batches: LineBatches; bodies: Request[] } {
  const batches = new LineBatches(input)
  const bodies: Request[] = []
  const fetch = (url: string, init: RequestInit): Promise<Response> => {
    // As a runtime does, which has the bytes of a body beside its text.
    bodies.push(new Request(url, init))
    return new Promise(() => undefined)
  }
  const publisher = createPublisher('http://localhost/publish', { fetch })
  const plan = {
    batches,
    publisher,
    event: { topic: 'a' },
    runId: 'run',
    onProgress: () => undefined,
  }
  void publishLines(plan)
  return { batches, bodies }
}

test('lines of control characters are read ahead up to a bound, and a request has six times the bytes of its lines', async () => {
  const input = new PassThrough({ highWaterMark: 64 * 1024 })
  const { bodies } = publishToNobody(input)
  const line = `${'\u0001'.repeat(8 * 1024 - 1)}\n`
  let sent = 0
  while (input.write(line) || !input.isPaused()) {
    sent += line.length
    await turn()
    expect(sent).toBeLessThan(2 * (waitingBytesMax + batchBytesMax))
  }
  expect(sent).toBeGreaterThanOrEqual(waitingBytesMax)
  expect(sent).toBeLessThan(waitingBytesMax + batchBytesMax + 256 * 1024)
  const [body] = await Promise.all(bodies.map((request) => request.text()))
  const [first] = JSON.parse(body ?? '') as readonly { data: string }[]
  expect(first?.data).toBe(line.slice(0, -1))
  expect(body?.length).toBeLessThanOrEqual(6 * batchBytesMax + 64 * batchLinesMax)
})

test('lines of 8 MiB of control characters hold 25 times that at most, in a request, read ahead and in progress', async () => {
  const input = new PassThrough({ highWaterMark: 64 * 1024 })
  const part = Buffer.alloc(64 * 1024, 1)
  const before = collectGarbage()
  const { batches, bodies } = publishToNobody(input)
  const writeLine = async (): Promise<void> => {
    for (let sent = part.length; sent < inputBytesMax; sent += part.length) {
      input.write(Buffer.from(part))
      await turn()
    }
    // One character of two bytes: V8 stores the whole text by two.
    input.write(`${'\u0001'.repeat(part.length - 4)}€\n`)
    await turn()
  }
  await writeLine()
  await expect.poll(() => bodies.length).toBe(1)
  await writeLine()
  await expect.poll(() => batches.waiting).toBe(1)
  expect(input.isPaused()).toBe(true)
  expect(collectGarbage() - before).toBeLessThan(2 * waitingBytesMax + 25 * inputBytesMax)
  expect(collectGarbage() - before).toBeGreaterThan(20 * inputBytesMax)
})
