// `tidemark backup`: a copy of a data directory that is whole, whatever is written to it meanwhile.

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { systemClock } from '@tidemark/client'
import { backUpLog } from '@tidemark/hub'
import { quote } from '@tidemark/wire/values'
import type { CommandBody, CommandLine } from './command.ts'
import { dataOptions, readDataDirectory } from './data-options.ts'
import { CliError } from './errors.ts'
import { exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { print, remark } from './output.ts'
import { ProgressLine } from './progress-line.ts'
import { renderBytes } from './render-bytes.ts'
import { onSignals } from './signals.ts'

/** Backs up. */
export const backup: CommandBody = {
  usage: '<file or directory> [options]',
  description: `Writes the log as it is at this moment into one file, while hubs may go on writing to it, and prints the file's name. The file
gets its name when every page and every record of it has been looked through: a file of that name is a whole backup. In a
directory the file is named after the time.

Run it as the user of the hub, on the same machine. While it runs the log cannot use freed pages again, so its
data file grows by about what is published meanwhile.`,
  options: [
    { name: 'compact', help: 'Leave out free pages: a smaller file, for more work.' },
    { name: 'overwrite', help: 'Replace a file that is there, once the new one is whole.' },
    ...dataOptions,
  ],
  examples: [
    'tidemark backup /backup/                  # /backup/tidemark-2026-11-27T03-00-00Z.mdb',
    'tidemark backup /backup/tidemark.mdb --overwrite --compact',
    'tidemark backup /backup/ --data /var/lib/tidemark',
  ],
  run,
}

async function run(line: CommandLine): Promise<ExitCode> {
  const [target, extra] = line.positionals
  if (target === undefined || extra !== undefined) {
    const got = extra === undefined ? '' : `; got ${quote(extra)} too`
    throw new CliError(
      'ARGUMENT_INVALID',
      `backup needs one file or directory to write to, such as tidemark backup /backup/${got}.`,
    )
  }
  const directory = readDataDirectory(line)
  const progress = new ProgressLine()
  // An unfinished file is removed when the process ends.
  onSignals({ onStop: (exitCode) => process.exit(exitCode) })
  try {
    const { path, size, summary } = await backUpLog({
      directory,
      target: nameFile(target),
      isCompact: line.values.has('compact'),
      mayReplace: line.values.has('overwrite'),
      onProgress: progress.show,
    })
    progress.end()
    await print(`${path}\n`)
    remark(`${summary?.records ?? 0} records in ${renderBytes(size)}, looked through.`)
    return exitCodes.done
  } finally {
    progress.end()
  }
}

function nameFile(target: string): string {
  const isDirectory =
    /[/\\]$/.test(target) || (existsSync(target) && statSync(target).isDirectory())
  if (!isDirectory) return target
  const time = new Date(systemClock.now()).toISOString().slice(0, 19).replaceAll(':', '-')
  return join(target, `tidemark-${time}Z.mdb`)
}
