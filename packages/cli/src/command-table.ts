// All commands, in the order of the help.

import type { Command } from './command.ts'
import { publish } from './publish.ts'
import { serve } from './serve.ts'
import { subscribe } from './subscribe.ts'

const helpOption = { name: 'help', help: 'This text.' }

/** The commands of the program; each has `--help`. */
export const commands: readonly Command[] = [serve, publish, subscribe].map((command) => ({
  ...command,
  options: [...command.options, helpOption],
}))
