// Provisioning installs what is missing or fails with a way out; it never skips.

import { expect, test } from 'vitest'
import { provision } from '../provision.ts'
import type { Machine } from '../provision.ts'

interface MadeMachine extends Machine {
  readonly ran: readonly string[]
}

function makeMachine(
  commands: readonly string[],
  options?: { isRoot?: boolean; aptCode?: number; aptBrings?: readonly string[] },
): MadeMachine {
  const present = new Set(commands)
  const ran: string[] = []
  return {
    ran,
    isRoot: options?.isRoot ?? true,
    has: (command) => present.has(command),
    run(command, args) {
      ran.push([command, ...args].join(' '))
      if (args[0] === 'install') for (const each of options?.aptBrings ?? []) present.add(each)
      return options?.aptCode ?? 0
    },
  }
}

test('nothing runs when all programs are there, under any of their names', () => {
  const machine = makeMachine(['google-chrome', 'firefox', 'curl', 'cc'])
  provision(machine)
  expect(machine.ran).toEqual([])
})

test('root with apt-get gets what is missing', () => {
  const machine = makeMachine(['apt-get', 'chromium', 'cc'], { aptBrings: ['firefox-esr', 'curl'] })
  provision(machine)
  expect(machine.ran).toEqual([
    'apt-get update',
    'apt-get install -y --no-install-recommends firefox-esr curl fonts-dejavu-core',
  ])
})

test.each<[string, MadeMachine, RegExp]>([
  [
    'a user who is not root',
    makeMachine(['apt-get'], { isRoot: false }),
    /Chromium, Firefox, curl, .*only root.*apt-get install/,
  ],
  ['a machine without apt-get', makeMachine([]), /there is no apt-get here/],
  [
    'an apt-get that fails',
    makeMachine(['apt-get'], { aptCode: 100 }),
    /apt-get update` ended with 100/,
  ],
  ['an apt-get that brings nothing', makeMachine(['apt-get']), /still not on the PATH/],
])('%s is told what to do, and the tests do not begin', (_, machine, message) => {
  expect(() => provision(machine)).toThrow(message)
})
