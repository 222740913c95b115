// Standard output at the pace of its reader, and one-line remarks on standard error.

import { once } from 'node:events'
import process from 'node:process'
import { escapeControls } from './escape-controls.ts'

/** Writes to standard output; resolves when more may be written. */
export async function print(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

/** Resolves when all that was printed has been handed to the system. */
export function flush(): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write('', () => resolve())
  })
}

/** One line on standard error; what strangers put into it cannot reach the terminal's controls. */
export function remark(text: string): void {
  process.stderr.write(`tidemark: ${escapeControls(text)}\n`)
}
