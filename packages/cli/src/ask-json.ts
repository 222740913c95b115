// One request to a hub that answers with JSON, or with a problem.

import { quote } from '@tidemark/wire/values'
import { CliError } from './errors.ts'
import type { CliErrorCode } from './errors.ts'
import { hubAnswerBytesMax, hubAnswerMsMax } from './limits.ts'

/** The codes of what may go wrong. */
interface AskCodes {
  /** The hub does not let the caller. */
  readonly refused: CliErrorCode
  /** The hub answers anything else but what was asked for. */
  readonly failed: CliErrorCode
}

/**
 * Sends a request; resolves to the JSON of an answer with status 200.
 * @throws CliError `HUB_UNREACHABLE`, and the codes that are handed in
 */
export async function askJson(url: URL, init: RequestInit, codes: AskCodes): Promise<unknown> {
  const response = await send(url, init)
  const answer = parse(await readText(response))
  if (response.status === 200 && answer !== undefined) return answer
  const { code, detail } = typeof answer === 'object' && answer !== null ? (answer as Problem) : {}
  if (response.status >= 400 && typeof code === 'string' && typeof detail === 'string') {
    throw new CliError(
      response.status === 401 || response.status === 403 ? codes.refused : codes.failed,
      `The hub answers ${response.status} ${code}: ${detail}`,
    )
  }
  throw new CliError(
    codes.failed,
    `What answers with status ${response.status} at ${quote(response.url)} is not what a hub says there. Look at the URL, and at the version of the hub.`,
  )
}

interface Problem {
  readonly code?: unknown
  readonly detail?: unknown
}

async function send(url: URL, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, {
      ...init,
      // To another address the headers do not go.
      redirect: 'manual',
      signal: AbortSignal.timeout(hubAnswerMsMax),
    })
  } catch (cause) {
    throw new CliError(
      'HUB_UNREACHABLE',
      `The hub at ${quote(url.origin)} does not answer: ${describeCause(cause)}. Look at the URL, and whether it runs.`,
      { cause },
    )
  }
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true })
      if (text.length > hubAnswerBytesMax) break
    }
  } catch (cause) {
    throw new CliError(
      'HUB_UNREACHABLE',
      `The answer of the hub was cut: ${describeCause(cause)}. Try again.`,
      { cause },
    )
  }
  return text
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** `fetch` hides the reason in the cause of its error. */
function describeCause(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  const reason = cause instanceof Error && cause.message !== '' ? cause.message : error.message
  return error.name === 'TimeoutError' ? `no answer within ${hubAnswerMsMax / 1_000} s` : reason
}
