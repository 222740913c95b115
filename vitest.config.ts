// One project per package, so that `npx vitest run --project wire` runs one room's tests.

import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import type { UserWorkspaceConfig as ProjectConfig } from 'vitest/config'

// Hundreds of processes import the same 800 files of `dist`: what V8 has compiled of them is kept between them, and
// an import takes four fifths of the time.
process.env['NODE_COMPILE_CACHE'] ??= new URL(
  './node_modules/.cache/compiled',
  import.meta.url,
).pathname

const shared: ProjectConfig['test'] = {
  environment: 'node',
  pool: 'forks',
  // Most files wait for processes, disks, timers and browsers, and hold out beside others: one more than there are
  // cores keeps these busy. Vitest would leave one of two cores to itself, and take twice as long.
  maxWorkers: availableParallelism() + 1,
  setupFiles: [new URL('./tools/vitest-setup.ts', import.meta.url).pathname],
  // What a test waits for has limits of its own, which follow progress (`waitUntil` of testkit). These are the last resort, for
  // what hangs without one: the longest test takes 20 s on two cores, and eight times that on a machine with eight times the work.
  testTimeout: 300_000,
  hookTimeout: 300_000,
  // What is polled for happens within a second on a machine of its own.
  expect: { poll: { timeout: 60_000 } },
}

const rooms = readdirSync(new URL('./packages', import.meta.url))
  .filter((name) => existsSync(new URL(`./packages/${name}/package.json`, import.meta.url)))
  .map((name) => ({ name, include: [`packages/${name}/test/**/*.test.ts`] }))

export default defineConfig({
  test: {
    projects: [
      ...rooms,
      { name: 'tools', include: ['tools/test/**/*.test.ts'] },
      { name: 'examples', include: ['examples/*/test/**/*.test.ts'] },
    ].map((project) => ({
      test: { ...shared, ...project },
    })),
  },
})
