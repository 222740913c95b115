// Makes sure that the programs the tests drive are on this machine, or says how to get them.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** A program the tests need, under any of the names systems give it. */
export interface Need {
  readonly name: string
  readonly commands: readonly string[]
  readonly debianPackage: string
}

const programs: readonly Need[] = [
  {
    name: 'Chromium',
    commands: ['chromium', 'chromium-browser', 'google-chrome'],
    debianPackage: 'chromium',
  },
  { name: 'Firefox', commands: ['firefox-esr', 'firefox'], debianPackage: 'firefox-esr' },
  { name: 'curl', commands: ['curl'], debianPackage: 'curl' },
  // For the load generator of bench/peers; gcc alone would come without the C library's headers.
  { name: 'a C compiler', commands: ['cc'], debianPackage: 'build-essential' },
]

/** The machine that provisioning may look at and change; tests hand in a made-up machine. */
export interface Machine {
  has(command: string): boolean
  readonly isRoot: boolean
  /** Runs a command and returns its exit code. */
  run(command: string, args: readonly string[]): number
}

const fonts = 'fonts-dejavu-core'

/**
 * Installs what is missing with apt-get.
 * @throws Error naming what is missing and the command that installs it, when it cannot be installed here
 */
export function provision(machine: Machine, needs: readonly Need[] = programs): void {
  const missing = findMissing(machine, needs)
  if (missing.length === 0) return
  const names = missing.map(({ name }) => name).join(', ')
  const packages = [...missing.map(({ debianPackage }) => debianPackage), fonts]
  const install = ['install', '-y', '--no-install-recommends', ...packages]
  const advice = `Install ${missing.length > 1 ? 'them' : 'it'} (Debian: \`apt-get ${install.join(' ')}\` as root) and run \`npm test\` again.`
  if (!machine.isRoot || !machine.has('apt-get')) {
    const reason = machine.isRoot ? 'there is no apt-get here' : 'only root can install packages'
    throw new Error(`The tests need ${names}, not found on the PATH, and ${reason}. ${advice}`)
  }
  for (const args of [['update'], install]) {
    const code = machine.run('apt-get', args)
    if (code !== 0) throw new Error(`\`apt-get ${args.join(' ')}\` ended with ${code}. ${advice}`)
  }
  const still = findMissing(machine, needs).map(({ name }) => name)
  if (still.length > 0) {
    throw new Error(`apt-get succeeded, but ${still.join(' and ')} is still not on the PATH.`)
  }
}

function findMissing(machine: Machine, needs: readonly Need[]): Need[] {
  return needs.filter(({ commands }) => !commands.some((command) => machine.has(command)))
}

/** The machine this process runs on. */
export const thisMachine: Machine = {
  has: (command) =>
    (process.env['PATH'] ?? '')
      .split(delimiter)
      .some((folder) => existsSync(join(folder, command))),
  isRoot: process.getuid?.() === 0,
  run(command, args) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    return spawnSync(command, args, { stdio: 'inherit', env }).status ?? 1
  },
}

if (import.meta.main) provision(thisMachine)
