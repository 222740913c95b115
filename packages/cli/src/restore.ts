// `tidemark restore`: a backup in the place of a data directory.

import process from 'node:process'
import { restoreLog } from '@tidemark/hub'
import { quote } from '@tidemark/wire/values'
import type { CommandBody, CommandLine } from './command.ts'
import { dataOptions, readDataDirectory } from './data-options.ts'
import { CliError } from './errors.ts'
import { exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { print, remark } from './output.ts'
import { ProgressLine } from './progress-line.ts'
import { onSignals } from './signals.ts'

/** Restores. */
export const restore: CommandBody = {
  usage: '<backup> [options]',
  description: `Looks a backup through and puts it in the place of the data directory, which must be empty or absent, or is moved
aside with --replace. Stop the hub first. Nothing is deleted: the old files are in a directory before-restore-… within.

Clients that come back with a place from after the backup are told of a gap and go on with what is new; docs/guide/backup.md
says what they see.`,
  options: [
    { name: 'replace', help: 'Move a log that is there aside, into a directory within.' },
    ...dataOptions,
  ],
  examples: [
    'tidemark restore /backup/tidemark.mdb',
    'tidemark restore /backup/tidemark.mdb --data /var/lib/tidemark --replace',
  ],
  run,
}

async function run(line: CommandLine): Promise<ExitCode> {
  const [backup, extra] = line.positionals
  if (backup === undefined || extra !== undefined) {
    const got = extra === undefined ? '' : `; got ${quote(extra)} too`
    throw new CliError(
      'ARGUMENT_INVALID',
      `restore needs one backup, such as tidemark restore /backup/tidemark.mdb${got}.`,
    )
  }
  const directory = readDataDirectory(line)
  const progress = new ProgressLine()
  onSignals({ onStop: (exitCode) => process.exit(exitCode) })
  try {
    const mayReplace = line.values.has('replace')
    const options = { backup, directory, mayReplace, onProgress: progress.show }
    const { summary, movedTo } = await restoreLog(options)
    progress.end()
    if (movedTo !== undefined) remark(`what was there is in ${movedTo} now.`)
    await print(`${directory} holds the ${summary?.records ?? 0} records of ${backup}.\n`)
    return exitCodes.done
  } finally {
    progress.end()
  }
}
