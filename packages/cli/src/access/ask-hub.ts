// The explanation of a running hub.

import { quote } from '@tidemark/wire/values'
import type { Explanation, HubQuestion } from '@tidemark/hub'
import type { CommandLine } from '../command.ts'
import { CliError } from '../errors.ts'
import { parseHubUrl, readHeaders } from '../hub-options.ts'
import { explanationBytesMax, explanationMsMax } from '../limits.ts'

/**
 * Asks `GET /admin/explain`. The token to explain goes in a header: addresses are written into logs.
 * @throws CliError `OPTION_INVALID`, `HUB_UNREACHABLE`, `EXPLAIN_REFUSED`, `EXPLAIN_FAILED`
 */
export async function askHub(
  text: string,
  { token, ...wishes }: HubQuestion,
  line: CommandLine,
): Promise<Explanation> {
  const url = new URL('admin/explain', parseHubUrl(text))
  for (const [name, values = []] of [
    ['subscribe', wishes.subscribe],
    ['publish', wishes.publish],
    ['read', wishes.read],
    ['permission', wishes.permissions],
  ] as const) {
    for (const value of values) url.searchParams.append(name, value)
  }
  const headers = new Headers({ accept: 'application/json' })
  for (const [name, value] of readHeaders(line)) headers.append(name, value)
  if (token !== undefined) headers.set('Tidemark-Token', requireHeaderText(token))
  return read(await send(url, headers))
}

/** A token with other characters is none, and would be refused by `fetch` with all of it in the message. */
function requireHeaderText(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new CliError(
    'OPTION_INVALID',
    '--token must be a token of printable ASCII characters without spaces. Hand in the token alone.',
  )
}

async function send(url: URL, headers: Headers): Promise<Response> {
  try {
    return await fetch(url, {
      headers,
      // To another address the headers do not go.
      redirect: 'manual',
      signal: AbortSignal.timeout(explanationMsMax),
    })
  } catch (cause) {
    throw new CliError(
      'HUB_UNREACHABLE',
      `The hub at ${quote(url.origin)} does not answer: ${describeCause(cause)}. Look at the URL, and whether it runs.`,
      { cause },
    )
  }
}

async function read(response: Response): Promise<Explanation> {
  const answer = parse(await readText(response))
  if (response.status === 200 && isExplanation(answer)) return answer
  const { code, detail } = typeof answer === 'object' && answer !== null ? (answer as Problem) : {}
  if (response.status >= 400 && typeof code === 'string' && typeof detail === 'string') {
    throw new CliError(
      response.status === 401 || response.status === 403 ? 'EXPLAIN_REFUSED' : 'EXPLAIN_FAILED',
      `The hub answers ${response.status} ${code}: ${detail}`,
    )
  }
  throw new CliError(
    'EXPLAIN_FAILED',
    `What answers with status ${response.status} at ${quote(response.url)} is no explanation of a hub. Look at the URL, and at the version of the hub.`,
  )
}

interface Problem {
  readonly code?: unknown
  readonly detail?: unknown
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true })
      if (text.length > explanationBytesMax) break
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

/** Whatever is printed must be there; the rest is the hub's. */
function isExplanation(answer: unknown): answer is Explanation {
  if (typeof answer !== 'object' || answer === null) return false
  const { isAllowed, checks } = answer as { isAllowed?: unknown; checks?: unknown }
  return (
    typeof isAllowed === 'boolean' &&
    Array.isArray(checks) &&
    checks.every(
      (check: Partial<Explanation['checks'][number]> | null) =>
        typeof check?.name === 'string' &&
        typeof check.detail === 'string' &&
        typeof check.isPassed === 'boolean' &&
        ['string', 'undefined'].includes(typeof check.fix) &&
        ['string', 'undefined'].includes(typeof check.code),
    ) &&
    isGrant((answer as { grant?: unknown }).grant)
  )
}

function isGrant(grant: unknown): boolean {
  if (grant === undefined) return true
  if (typeof grant !== 'object' || grant === null) return false
  const { user, expiresAt, ...lists } = grant as Readonly<Record<string, unknown>>
  const isList = (value: unknown): boolean =>
    value === undefined || (Array.isArray(value) && value.every((name) => typeof name === 'string'))
  return (
    ['string', 'undefined'].includes(typeof user) &&
    ['number', 'undefined'].includes(typeof expiresAt) &&
    isList(lists['subscribe']) &&
    isList(lists['publish']) &&
    isList(lists['permissions'])
  )
}

/** `fetch` hides the reason in the cause of its error. */
function describeCause(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  const reason = cause instanceof Error && cause.message !== '' ? cause.message : error.message
  return error.name === 'TimeoutError' ? `no answer within ${explanationMsMax / 1_000} s` : reason
}
