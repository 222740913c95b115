// The file that a report goes to: whether it can be written is known before the run, and only a report
// leaves one behind.

import { open, unlink, writeFile } from 'node:fs/promises'
import { CliError } from '../errors.ts'

/**
 * Whether a report could be written there. A file that is not there yet is made and removed again; an
 * earlier report stays as it is.
 * @throws CliError `OUTPUT_UNWRITABLE`
 */
export function checkReportFile(path: string): Promise<void> {
  return orUnwritable(async () => {
    try {
      const file = await open(path, 'ax')
      await file.close()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      await writeFile(path, '', { flag: 'a' })
      return
    }
    await unlink(path)
  })
}

/**
 * Writes the report, in place of an earlier one.
 * @throws CliError `OUTPUT_UNWRITABLE`
 */
export function writeReportFile(path: string, html: string): Promise<void> {
  return orUnwritable(() => writeFile(path, html))
}

async function orUnwritable(write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CliError('OUTPUT_UNWRITABLE', `The report cannot be written: ${reason}.`, {
      cause: error,
    })
  }
}
