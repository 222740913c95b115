// Opens single events that a server has compressed: docs/PROTOCOL.md, "Compressed events".

import type { DecodedEvent } from '@tidemark/wire'
import { ClientError } from './errors.ts'
import { describe } from './headers.ts'
import { inflateSliceBytes } from './limits.ts'

/** Whether the event says so in a field line. Data alone proves nothing: anybody may publish it. */
export function isPacked({ fields }: DecodedEvent): boolean {
  return fields?.get('encoding') === 'gzip+base64'
}

/**
 * Resolves to the data of an envelope.
 * @throws ClientError `STREAM_INVALID` for what is no envelope, and for data of more characters
 */
export async function openPacked(envelope: string, charactersMax: number): Promise<string> {
  try {
    const { data } = JSON.parse(envelope) as { readonly data: string }
    return await inflate(atob(data), charactersMax)
  } catch (cause) {
    if (cause instanceof ClientError) throw cause
    const said = `The stream has a compressed event that cannot be opened: ${describe(cause)}`
    throw new ClientError('STREAM_INVALID', said, { cause })
  }
}

async function inflate(binary: string, charactersMax: number): Promise<string> {
  let at = 0
  const source = new ReadableStream<BufferSource>(
    {
      pull(controller) {
        const slice = binary.slice(at, (at += inflateSliceBytes))
        if (slice === '') controller.close()
        else controller.enqueue(Uint8Array.from(slice, (char) => char.charCodeAt(0)))
      },
    },
    { highWaterMark: 0 },
  )
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const reader = source.pipeThrough(new DecompressionStream('gzip')).getReader()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    text += decoder.decode(value, { stream: !done })
    if (text.length > charactersMax) {
      void reader.cancel().catch(() => undefined)
      throw new ClientError(
        'STREAM_INVALID',
        `The stream has a compressed event of more than ${charactersMax} characters. Raise eventCharactersMax if the server is trusted.`,
      )
    }
    if (done) return text
  }
}
