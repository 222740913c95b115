// The program: finds the command, runs it, and turns whatever happens into one line and an exit code.

import { readFileSync } from 'node:fs'
import process from 'node:process'
import { nearestName, quote } from '@tidemark/wire/values'
import type { Command } from './command.ts'
import { commandTable, loadCommand } from './command-table.ts'
import { describeFailure } from './describe-failure.ts'
import { CliError } from './errors.ts'
import { escapeControls } from './escape-controls.ts'
import { exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { renderCommandHelp, renderHelp } from './help.ts'
import { flush, print, remark } from './output.ts'
import { parseCommandLine } from './parse-command-line.ts'

// A reader such as `head` that has enough is no failure; anything else, a full disk for one, is.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.done)
  remark(`Standard output cannot be written: ${error.message}.`)
  process.exit(exitCodes.io)
})
// Remarks without a reader are not worth ending for.
process.stderr.on('error', () => undefined)

process.exit(await runProgram(process.argv.slice(2)))

async function runProgram(args: readonly string[]): Promise<ExitCode> {
  try {
    const exitCode = await dispatch(args)
    await flush()
    return exitCode
  } catch (error) {
    const { text, lines = [], exitCode } = describeFailure(error)
    remark(text)
    for (const line of lines) process.stderr.write(`${escapeControls(line)}\n`)
    return exitCode
  }
}

async function dispatch(args: readonly string[]): Promise<ExitCode> {
  const [name, ...rest] = args
  if (name === undefined) {
    process.stderr.write(renderHelp(commandTable))
    return exitCodes.usage
  }
  if (name === '--version' || name === '-v') return say(`${readVersion()}\n`)
  if (name === '--help' || name === '-h' || name === 'help') {
    const [topic] = rest
    return say(
      topic === undefined ? renderHelp(commandTable) : renderCommandHelp(await findCommand(topic)),
    )
  }
  const command = await findCommand(name)
  // A line with the word for help gets help, whatever else is on it. Behind `--` the word is text.
  const end = rest.indexOf('--')
  const options = end === -1 ? rest : rest.slice(0, end)
  if (options.includes('--help') || options.includes('-h')) return say(renderCommandHelp(command))
  return command.run(parseCommandLine(command, rest))
}

async function say(text: string): Promise<ExitCode> {
  await print(text)
  return exitCodes.done
}

async function findCommand(name: string): Promise<Command> {
  const entry = commandTable.find((each) => each.name === name)
  if (entry !== undefined) return loadCommand(entry)
  const names = commandTable.map((each) => each.name)
  const nearest = nearestName(name, names)
  const hint = nearest === undefined ? `There are ${names.join(', ')}.` : `Did you mean ${nearest}?`
  throw new CliError(
    'COMMAND_UNKNOWN',
    `There is no command ${quote(name)}. ${hint} See tidemark --help.`,
  )
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}
