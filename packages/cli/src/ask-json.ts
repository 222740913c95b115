// A request to a running hub that is answered with JSON, for commands that ask and change something there.

import { quote } from '@tidemark/wire/values'
import type { CommandLine } from './command.ts'
import { CliError } from './errors.ts'
import { readHubAddress } from './hub-options.ts'
import { answerCharactersMax, answerMsMax } from './limits.ts'

/** A question to the hub of `--url`. */
export interface Asked {
  /** Below the hub's URL, percent-encoded: `admin/rules`. */
  readonly path: string
  /** Default `GET`. */
  readonly method?: 'DELETE' | 'GET' | 'PATCH' | 'POST' | 'PUT' | undefined
  /** JSON. */
  readonly body?: string | undefined
}

/**
 * Resolves to the answer as parsed JSON; undefined for an answer without a body.
 * @throws CliError `OPTION_INVALID`, `HUB_UNREACHABLE`, `HUB_DENIED`, `HUB_REFUSED`, `HUB_ANSWER_INVALID`
 */
export async function askJson(
  line: CommandLine,
  { path, method = 'GET', body }: Asked,
): Promise<unknown> {
  const { urlOf, headers: given } = readHubAddress(line)
  const url = urlOf(path)
  const headers = new Headers({ accept: 'application/json' })
  if (body !== undefined) headers.set('content-type', 'application/json')
  for (const [name, value] of given) headers.append(name, value)
  try {
    const signal = AbortSignal.timeout(answerMsMax)
    // To another address the headers do not go.
    const init: RequestInit = { method, headers, redirect: 'manual', signal, body: body ?? null }
    const response = await fetch(url, init)
    return readAnswer(response, await readText(response))
  } catch (cause) {
    if (cause instanceof CliError) throw cause
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
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true })
    if (text.length > answerCharactersMax) break
  }
  return text
}

function readAnswer(response: Response, text: string): unknown {
  const { status, ok } = response
  if (ok && text === '') return undefined
  const answer = parse(text)
  if (ok && answer !== undefined) return answer
  const { code, detail } = typeof answer === 'object' && answer !== null ? (answer as Problem) : {}
  if (status >= 400 && typeof code === 'string' && typeof detail === 'string') {
    throw new CliError(
      status === 401 || status === 403 ? 'HUB_DENIED' : 'HUB_REFUSED',
      `The hub answers ${status} ${code}: ${detail}`,
    )
  }
  throw new CliError(
    'HUB_ANSWER_INVALID',
    `What answers with status ${status} at ${quote(response.url)} is no answer of a hub. Look at the URL, and at the version of the hub.`,
  )
}

interface Problem {
  readonly code?: unknown
  readonly detail?: unknown
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
  return error.name === 'TimeoutError' ? `no answer within ${answerMsMax / 1_000} s` : reason
}
