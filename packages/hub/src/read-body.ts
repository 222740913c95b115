// Request bodies: bounded, whole, UTF-8.

import type { IncomingMessage } from 'node:http'
import { HubError } from './errors.ts'

/**
 * Reads the body of a request as text.
 * @throws HubError `BODY_TOO_LARGE` (as soon as it is known), `BODY_NOT_UTF8`
 */
export async function readBody(request: IncomingMessage, bytesMax: number): Promise<string> {
  const declared = Number(request.headers['content-length'] ?? 0)
  if (declared > bytesMax) throw tooLarge(bytesMax, `${declared} bytes`)
  const bytes = await collect(request, bytesMax)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new HubError(
      'BODY_NOT_UTF8',
      'The body must be UTF-8; got other bytes. Encode binary data, for example as base64.',
      { cause: error },
    )
  }
}

// By events, not `for await`: leaving that loop early destroys the socket, and with it the answer.
function collect(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length <= bytesMax) chunks.push(chunk)
      else reject(tooLarge(bytesMax, 'more'))
    })
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('close', () => {
      // Every request ends with a close, and an error that nobody gets costs as much as the rest of reading a body.
      if (request.complete) return
      reject(new HubError('REQUEST_MALFORMED', 'The request was cut off.'))
    })
    request.on('error', reject)
  })
}

function tooLarge(bytesMax: number, got: string): HubError {
  return new HubError(
    'BODY_TOO_LARGE',
    `The body of a request may have ${bytesMax} bytes; got ${got}. Send several requests, or raise the limit.`,
  )
}
