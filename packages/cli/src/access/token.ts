// `tidemark token`: a new token. `tidemark token check`: what one grants, or why not.

import { quote } from '@tidemark/wire/values'
import type { CommandBody, CommandLine } from '../command.ts'
import { CliError } from '../errors.ts'
import type { ExitCode } from '../exit-codes.ts'
import { accessOptions } from './access-options.ts'
import { checkToken } from './check-token.ts'
import { mintOptions, printNewToken } from './new-token.ts'

/** Mints and checks. */
export const token: CommandBody = {
  usage: '--sub <user> [options], or tidemark token check [token]',
  description: `Signs a new token with the secret that a hub started here would have, and prints the token and nothing else, so that it
can be piped. Where the hub has a public key, give the private one with --key.

token check reads a token from standard input, or from the command line, where other users of the machine can see it. It
prints every check that the hub makes, in order, and what the token grants. It ends with 77 where the hub would refuse the token.
Only a running hub knows what has been revoked: tidemark explain --hub.`,
  options: [
    ...mintOptions,
    {
      name: 'json',
      help: 'Of token check: one JSON object with isAllowed, checks, grant and token.',
    },
    ...accessOptions,
  ],
  examples: [
    "tidemark token --sub ada --subscribe 'orders/*' --ttl 1h",
    'tidemark token --sub operator --permission admin --ttl 15m',
    'tidemark token --sub ada --publish chat/1 --key private.pem --key-id 2026',
    "tidemark token --sub ada --subscribe 'orders/*' | tidemark token check",
    "TOKEN=$(tidemark token --sub ada --subscribe 'orders/*')",
    'tidemark subscribe orders/42 --header "Authorization: Bearer $TOKEN"',
  ],
  run,
}

async function run(line: CommandLine): Promise<ExitCode> {
  const [first] = line.positionals
  if (first === undefined) return printNewToken(line)
  if (first === 'check') {
    requireNoWishes(line)
    return checkToken(line)
  }
  throw new CliError(
    'ARGUMENT_INVALID',
    `token takes options only, or the word check; got ${quote(first)}. See tidemark token --help.`,
  )
}

/** A token that is checked says itself who and what; nobody shall believe that an option was looked at. */
function requireNoWishes(line: CommandLine): void {
  const stray = mintOptions.find(({ name }) => line.values.has(name))
  if (stray === undefined) return
  throw new CliError(
    'OPTION_INVALID',
    `--${stray.name} is for a new token. To ask what a token may do, use tidemark explain --token - --subscribe orders/42.`,
  )
}
