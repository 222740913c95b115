// Small things of HTTP: bodies, answers, errors.

import process from 'node:process'

const bodyBytesMax = 16 * 1024

/** An answer with a status and one sentence. */
export class HttpError extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

/** A JSON object of texts, of 16 KiB at most. */
export async function readForm(request) {
  // A form of another site cannot send this type without asking first.
  if (request.headers['content-type'] !== 'application/json')
    throw new HttpError(415, 'Send application/json.')
  const chunks = []
  let length = 0
  for await (const chunk of request) {
    length += chunk.length
    if (length > bodyBytesMax) throw new HttpError(413, 'Send less.')
    chunks.push(chunk)
  }
  const form = parse(Buffer.concat(chunks).toString('utf8'))
  const isForm = typeof form === 'object' && form !== null && !Array.isArray(form)
  if (isForm && Object.values(form).every((value) => typeof value === 'string')) return form
  throw new HttpError(400, 'Send a JSON object of texts.')
}

function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function sendJson(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
  response.end(JSON.stringify(body))
}

/** Refusals of Tidemark have a status too, and their message may be shown. */
export function sendError(response, error) {
  const status = typeof error.status === 'number' ? error.status : 500
  if (status >= 500) process.stderr.write(`${error.stack}\n`)
  if (response.headersSent) {
    response.destroy()
    return
  }
  for (const [name, value] of Object.entries(error.headers ?? {})) response.setHeader(name, value)
  sendJson(response, status, {
    status,
    code: error.code,
    detail: status >= 500 ? 'Something went wrong here.' : error.message,
  })
}
