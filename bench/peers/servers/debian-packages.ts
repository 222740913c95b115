// Servers that come as Debian packages: which are installed, and what to type for those that are not.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Versions by package name, or what is missing. */
export type DebianPackages =
  | { readonly versions: ReadonlyMap<string, string> }
  | { readonly missing: string }

/**
 * Looks the packages up. Nothing is installed from here: that takes root, and some of these packages
 * start a service of their own.
 */
export async function findDebianPackages(names: readonly string[]): Promise<DebianPackages> {
  const versions = new Map<string, string>()
  for (const name of names) {
    const version = await findVersion(name)
    if (version === '') return { missing: `${name}; apt-get install ${names.join(' ')}` }
    versions.set(name, version)
  }
  return { versions }
}

async function findVersion(name: string): Promise<string> {
  try {
    // A package that was removed but not purged is still known: its status says so.
    const { stdout } = await run('dpkg-query', ['-W', '-f', '${db:Status-Status} ${Version}', name])
    const [status, version = ''] = stdout.split(' ')
    // `1:1.3.6+dfsg-2`: the upstream version is between epoch and revision.
    return status === 'installed' ? version.replace(/^\d+:/, '').replace(/-[^-]*$/, '') : ''
  } catch {
    return ''
  }
}
