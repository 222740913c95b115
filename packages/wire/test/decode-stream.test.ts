// The decoder over a web stream.

import { expect, test } from 'vitest'
import { decodeStream } from '../src/index.ts'
import type { DecodeStreamOptions } from '../src/index.ts'
import { utf8 } from './helpers.ts'

interface Source {
  readonly stream: ReadableStream<Uint8Array>
  cancelled: boolean
}

function sourceOf(chunks: readonly string[], failure?: Error): Source {
  const rest = [...chunks]
  const source: Source = {
    cancelled: false,
    stream: new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const chunk = rest.shift()
          if (chunk !== undefined) controller.enqueue(utf8.encode(chunk))
          else if (failure === undefined) controller.close()
          else controller.error(failure)
        },
        cancel() {
          source.cancelled = true
        },
      },
      { highWaterMark: 0 },
    ),
  }
  return source
}

async function collect({ stream }: Source, options?: DecodeStreamOptions) {
  const data: string[] = []
  let error: unknown
  try {
    for await (const event of decodeStream(stream, options)) data.push(event.data)
  } catch (caught) {
    error = caught
  }
  return { data, error }
}

test('the events of a stream come one by one, and the stream is free afterwards', async () => {
  const source = sourceOf(['data: a\n\ndata: b\n\nda', 'ta: c\n\n', 'data: cut off'])
  expect(await collect(source)).toEqual({ data: ['a', 'b', 'c'], error: undefined })
  expect(source.stream.locked).toBe(false)
})

test('leaving the loop cancels the stream', async () => {
  const source = sourceOf(['data: a\n\n', 'data: b\n\n'])
  for await (const event of decodeStream(source.stream)) {
    expect(event.data).toBe('a')
    break
  }
  expect(source.cancelled).toBe(true)
})

test('events before a failure are yielded before it is thrown', async () => {
  const failure = new Error('connection reset')
  expect(await collect(sourceOf(['data: a\n\n'], failure))).toEqual({ data: ['a'], error: failure })
  const source = sourceOf(['data: a\n\ndata: too long\n\n'])
  expect(await collect(source, { lineCharactersMax: 10 })).toEqual({
    data: ['a'],
    error: expect.objectContaining({ code: 'LINE_TOO_LONG' }),
  })
  expect(source.cancelled).toBe(true)
})

test('retries, comments and moved ids go to the handler', async () => {
  const heard: unknown[] = []
  const handler = {
    retry: (ms: number) => heard.push(ms),
    comment: (text: string) => heard.push(text),
    id: (id: string) => heard.push(id),
  }
  await collect(sourceOf(['retry: 5\n: hi\nid: 7\n\n']), { handler })
  expect(heard).toEqual([5, 'hi', '7'])
})
