import { openStream } from '@tidemark/server/fetch'
import type { EventStream } from '@tidemark/server/fetch'

export function GET(request: Request): Response {
  const stream = openStream(request)
  void talk(stream)
  return stream.response
}

async function talk(stream: EventStream): Promise<void> {
  await stream.send({ data: 'Hello' })
  await stream.close()
}
