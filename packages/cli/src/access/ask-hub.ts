// The explanation of a running hub.

import { quote } from '@tidemark/wire/values'
import type { Explanation, HubQuestion } from '@tidemark/hub'
import type { CommandLine } from '../command.ts'
import { CliError } from '../errors.ts'
import { askJson } from '../ask-json.ts'
import { parseHubUrl, readHeaders } from '../hub-options.ts'

const codes = { refused: 'EXPLAIN_REFUSED', failed: 'EXPLAIN_FAILED' } as const

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
  const answer = await askJson(url, { headers }, codes)
  if (isExplanation(answer)) return answer
  throw new CliError(
    'EXPLAIN_FAILED',
    `What answers at ${quote(url.href)} is no explanation of a hub. Look at the URL, and at the version of the hub.`,
  )
}

/** A token with other characters is none, and would be refused by `fetch` with all of it in the message. */
function requireHeaderText(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw new CliError(
    'OPTION_INVALID',
    '--token must be a token of printable ASCII characters without spaces. Hand in the token alone.',
  )
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
