import { createServer } from 'node:http'
import { openStream } from '@tidemark/server/node'
import type { EventStream } from '@tidemark/server/node'

createServer((request, response) => void talk(openStream(request, response))).listen(8080)

async function talk(stream: EventStream): Promise<void> {
  try {
    await stream.send({ type: 'progress', data: { done: 0 } }) // false once the client has left
    await stream.pipe(answer(stream.signal)) // as fast as the client takes it
  } catch {
    await stream.send({ type: 'failed', data: 'Ask again.' }) // what the source has thrown
  } finally {
    await stream.close()
  }
}

async function* answer(signal: AbortSignal): AsyncGenerator<string> {
  for (const word of ['Hello', 'you', 'there']) if (!signal.aborted) yield word
}
