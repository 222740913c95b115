// `tidemark token check`: what a token says, whether this hub accepts it, and what it grants.

import { systemClock } from '@tidemark/client'
import { decodeToken, explainHub } from '@tidemark/hub'
import type { DecodedToken } from '@tidemark/hub'
import { quote } from '@tidemark/wire/values'
import type { CommandLine } from '../command.ts'
import { CliError } from '../errors.ts'
import { escapeControls } from '../escape-controls.ts'
import { exitCodes } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import { print } from '../output.ts'
import { hasColours, loadAccessConfig } from './access-options.ts'
import { readToken } from './read-token.ts'
import { describeTime, renderExplanation, renderRows } from './render-explanation.ts'

/** Checks the token of the command line or of standard input. */
export async function checkToken(line: CommandLine): Promise<ExitCode> {
  const [, given, extra] = line.positionals
  if (extra !== undefined) {
    throw new CliError(
      'ARGUMENT_INVALID',
      `token check takes one token; got ${quote(extra)} too. Hand it in alone.`,
    )
  }
  const config = loadAccessConfig('token', line)
  const token = await readToken(given)
  const explanation = await explainHub(config, { token, mustCheck: true })
  const decoded = decodeToken(token)
  if (line.values.has('json')) {
    await print(`${escapeControls(JSON.stringify({ ...explanation, token: decoded }))}\n`)
  } else {
    const now = systemClock.now()
    const said = decoded === undefined ? '' : `${renderClaims(decoded, now)}\n`
    await print(`${said}${renderExplanation(explanation, { hasColours: hasColours(), now })}`)
  }
  return explanation.isAllowed ? exitCodes.done : exitCodes.permission
}

/** Not verified: what the token says of itself, whoever wrote it. */
function renderClaims({ header, claims }: DecodedToken, now: number): string {
  return renderRows([
    ['header', JSON.stringify(header)],
    ...Object.entries(claims).map(
      ([name, value]) => [name, renderClaim(name, value, now)] as const,
    ),
  ])
}

function renderClaim(name: string, value: unknown, now: number): string {
  const isTime = ['exp', 'iat', 'nbf'].includes(name) && typeof value === 'number'
  const text = JSON.stringify(value)
  return isTime ? `${text}  (${describeTime(value * 1_000, now)})` : text
}
