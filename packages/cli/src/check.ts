// `tidemark check`: looks a data directory or a backup through, and tells what it saw.

import process from 'node:process'
import { checkLog, repairClock } from '@tidemark/hub'
import type { LogCheck } from '@tidemark/hub'
import { quote } from '@tidemark/wire/values'
import type { CommandBody, CommandLine } from './command.ts'
import { CliError } from './errors.ts'
import { exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { print } from './output.ts'
import { ProgressLine } from './progress-line.ts'
import { renderBytes } from './render-bytes.ts'
import { onSignals } from './signals.ts'

/** Checks. */
export const check: CommandBody = {
  usage: '<directory or backup>',
  description: `Looks at every page and every record, compares what they say of each other, and prints what it saw. Without --repair-clock
it changes nothing. A hub may go on writing meanwhile. Ends with 0 if all is well, 1 if something is damaged, 73 if there is no log or one
of a newer version, 74 if it cannot be read.`,
  options: [
    {
      name: 'repair-clock',
      help: 'Date records of the future now, once the clock of this machine is right.',
    },
  ],
  examples: [
    'tidemark check ./tidemark-data',
    'tidemark check /backup/tidemark.mdb || echo "call somebody"',
    'tidemark check ./tidemark-data --repair-clock',
  ],
  run,
}

async function run(line: CommandLine): Promise<ExitCode> {
  const [path, extra] = line.positionals
  if (path === undefined || extra !== undefined) {
    const got = extra === undefined ? '' : `; got ${quote(extra)} too`
    throw new CliError(
      'ARGUMENT_INVALID',
      `check needs one directory or backup, such as tidemark check ./tidemark-data${got}.`,
    )
  }
  const progress = new ProgressLine()
  onSignals({ onStop: (exitCode) => process.exit(exitCode) })
  try {
    const found = await checkLog({ path, onProgress: progress.show })
    progress.end()
    await print(renderCheck(found))
    if (found.damage !== undefined) return exitCodes.failed
    if (found.summary?.isNewer === true) return exitCodes.directory
    if (line.values.has('repair-clock')) await print(await repair(path))
    return exitCodes.done
  } finally {
    progress.end()
  }
}

/** After a look that found the log sound: damage is not to be written into. */
async function repair(directory: string): Promise<string> {
  const { records, newestBefore, newestAfter } = await repairClock(directory)
  if (records === 0) return 'No record is of the future: nothing was changed.\n'
  const [before, after] = [newestBefore, newestAfter].map((time) => new Date(time).toISOString())
  return `${records} records of the future are dated anew; the newest was of ${before}, and is of ${after} now.\n`
}

function renderCheck(check: LogCheck): string {
  const { path, size, held, damage, summary } = check
  const holder =
    held === undefined
      ? []
      : [['held', `by ${held.pid === undefined ? 'a process' : `process ${held.pid}`}`]]
  if (damage !== undefined || summary === undefined) {
    const rows = [['seen', damage ?? 'nothing'], ['size', renderBytes(size)], ...holder]
    return `${path} is damaged. Keep it as it is, and restore a backup: tidemark restore --help.\n${renderRows(rows)}`
  }
  const pages = [
    [
      'size',
      `${renderBytes(size)}, ${summary.pages} pages of ${summary.pageSize} bytes, ${summary.freePages} of them free`,
    ],
    ['state', `of transaction ${summary.transaction}`],
    ...holder,
  ]
  if (summary.isNewer)
    return `${path} was written by a newer version. Its pages are whole; the rest this version cannot look through. Check it with that version.\n${renderRows(pages)}`
  const newest =
    summary.headTime === 0
      ? 'none yet'
      : `${summary.head}, of ${new Date(summary.headTime).toISOString()}`
  return `${path} is sound.\n${renderRows([
    ['records', `${summary.records}, ${renderBytes(summary.bytes)} of maxBytes`],
    ['topics', String(summary.topics)],
    ['keys', `${summary.keys} idempotency keys`],
    ['newest', newest],
    ...pages,
  ])}`
}

function renderRows(rows: readonly (readonly string[])[]): string {
  return rows.map(([name = '', text = '']) => `  ${name.padEnd(9)}${text}\n`).join('')
}
