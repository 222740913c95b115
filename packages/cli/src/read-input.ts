// Standard input as the data of one event.

import { isUtf8 } from 'node:buffer'
import process from 'node:process'
import { CliError } from './errors.ts'
import { inputBytesMax } from './limits.ts'
import { remark } from './output.ts'

/**
 * Reads all of standard input. One line ending at its end is dropped, as a shell's `$(…)` does: `echo
 * hello` means `hello`.
 * @throws CliError `INPUT_TOO_LARGE`, `INPUT_NOT_UTF8`, `INPUT_FAILED`
 */
export async function readInput(): Promise<string> {
  if (process.stdin.isTTY) remark('reading the event from the terminal; Ctrl-D ends it.')
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > inputBytesMax) throw tooLarge()
      chunks.push(chunk)
    }
  } catch (cause) {
    if (cause instanceof CliError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CliError('INPUT_FAILED', `Standard input cannot be read: ${reason}.`, { cause })
  }
  const bytes = Buffer.concat(chunks)
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
