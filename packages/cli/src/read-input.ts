// Standard input as the data of one event.

import { isUtf8 } from 'node:buffer'
import { CliError } from './errors.ts'
import { inputBytesMax } from './limits.ts'
import { readAllInput } from './read-all-input.ts'

/**
 * Reads all of standard input. One line ending at its end is dropped, as a shell's `$(…)` does: `echo
 * hello` means `hello`.
 * @throws CliError `INPUT_TOO_LARGE`, `INPUT_NOT_UTF8`, `INPUT_FAILED`
 */
export async function readInput(): Promise<string> {
  const bytes = await readAllInput({ what: 'the event', bytesMax: inputBytesMax, tooLarge })
  if (isUtf8(bytes)) return bytes.toString('utf8').replace(/\r?\n$/, '')
  throw new CliError(
    'INPUT_NOT_UTF8',
    'Standard input is not UTF-8. Convert it, or encode binary data, for example with base64.',
  )
}

function tooLarge(): CliError {
  return new CliError(
    'INPUT_TOO_LARGE',
    `Standard input has more than ${inputBytesMax} bytes. Publish a link to it, or one event per line with --lines.`,
  )
}
