// A token from the command line or from standard input, where no other user of the machine sees it.

import process from 'node:process'
import { quote } from '@tidemark/wire/values'
import { CliError } from '../errors.ts'
import { tokenInputBytesMax } from '../limits.ts'
import { remark } from '../output.ts'

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
  if (process.stdin.isTTY) remark('reading the token from the terminal; Ctrl-D ends it.')
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > tokenInputBytesMax) throw tooLarge()
      chunks.push(chunk)
    }
  } catch (cause) {
    if (cause instanceof CliError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CliError('INPUT_FAILED', `Standard input cannot be read: ${reason}.`, { cause })
  }
  return Buffer.concat(chunks).toString('utf8')
}

function tooLarge(): CliError {
  return new CliError(
    'INPUT_TOO_LARGE',
    `Standard input has more than ${tokenInputBytesMax} bytes, and is no token. Hand in the token alone.`,
  )
}
