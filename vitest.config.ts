// One project per package, so that `npx vitest run --project wire` runs one room's tests.

import { existsSync, readdirSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import type { UserWorkspaceConfig as ProjectConfig } from 'vitest/config'

const shared: ProjectConfig['test'] = {
  environment: 'node',
  pool: 'forks',
  setupFiles: [new URL('./tools/vitest-setup.ts', import.meta.url).pathname],
  // Real sockets and browsers on two noisy cores: long enough not to be the reason of a failure.
  testTimeout: 30_000,
  hookTimeout: 60_000,
}

const rooms = readdirSync(new URL('./packages', import.meta.url))
  .filter((name) => existsSync(new URL(`./packages/${name}/package.json`, import.meta.url)))
  .map((name) => ({ name, include: [`packages/${name}/test/**/*.test.ts`] }))

export default defineConfig({
  test: {
    projects: [...rooms, { name: 'tools', include: ['tools/test/**/*.test.ts'] }].map(
      (project) => ({
        test: { ...shared, ...project },
      }),
    ),
  },
})
