// A token from the command line or from standard input, where no other user of the machine sees it.

import { quote } from '@tidemark/wire/values'
import { CliError } from '../errors.ts'
import { tokenInputBytesMax } from '../limits.ts'
import { readAllInput } from '../read-all-input.ts'

/**
 * The token: `given`, or standard input for `-` and for nothing. People paste tokens with the word Bearer,
 * with quotes, and with line ends.
 * @throws CliError `ARGUMENT_INVALID`, `INPUT_FAILED`, `INPUT_TOO_LARGE`
 */
export async function readToken(given: string | undefined): Promise<string> {
  const text = given === undefined || given === '-' ? await readInput() : given
  const token = text
    .trim()
    .replace(/^bearer\s+/i, '')
    .replace(/^(["'])(.*)\1$/s, '$2')
  if (token !== '') return token
  throw new CliError(
    'ARGUMENT_INVALID',
    `There is no token ${given === undefined || given === '-' ? 'on standard input' : `in ${quote(given)}`}. Hand one in, such as tidemark token --sub ada | tidemark token check.`,
  )
}

async function readInput(): Promise<string> {
  const bytes = await readAllInput({ what: 'the token', bytesMax: tokenInputBytesMax, tooLarge })
  return bytes.toString('utf8')
}

function tooLarge(): CliError {
  return new CliError(
    'INPUT_TOO_LARGE',
    `Standard input has more than ${tokenInputBytesMax} bytes, and is no token. Hand in the token alone.`,
  )
}
