// The versions of Node the published packages are run on, brought from the registry as npm packages.

import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { rootFolder } from './read-rooms.ts'
import { run } from './run-step.ts'

/** The oldest version `engines` promises, and the newest of each line since. 24 is the workspace's own. */
const versions: readonly string[] = ['20.19.0', '22.23.3', '26.10.0']

/** One Node to run on. */
export interface NodeBinary {
  readonly version: string
  readonly path: string
}

/**
 * Brings every version, kept under `node_modules/.cache` between runs.
 * @throws Error with npm's output when one cannot be installed
 */
export async function provideNodes(): Promise<NodeBinary[]> {
  const others = await Promise.all(versions.map(provideNode))
  return [...others, { version: process.versions.node, path: process.execPath }]
}

async function provideNode(version: string): Promise<NodeBinary> {
  const folder = join(rootFolder, 'node_modules/.cache/tidemark/node', version)
  // The npm package `node` itself only picks one of these by a script at install time.
  const name = `node-${process.platform}-${process.arch}`
  const path = join(folder, 'node_modules', name, 'bin/node')
  if (!existsSync(path)) {
    await mkdir(folder, { recursive: true })
    const args = ['install', '--no-save', '--prefix', folder, `${name}@${version}`]
    const { code, output } = await run('npm', args)
    if (code !== 0) throw new Error(`Node ${version} could not be installed:\n${output}`)
  }
  return { version, path }
}
