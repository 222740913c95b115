// The lock file, and the builds for other platforms that npm forgets to write into it.
//
// npm leaves an optional package out of the lock file when it cannot fetch it (a mirror that has this
// platform's builds only). Then `npm ci` refuses the lock file everywhere. See
// https://github.com/npm/cli/issues/4828.

/** One package as the lock file describes it. */
export interface LockEntry {
  readonly version?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** `package-lock.json`, as far as it is looked at. */
export interface LockFile {
  readonly packages: Readonly<Record<string, LockEntry>>
}

/** Optional dependencies without an entry, with the entry each should have. */
export function findForgotten(lock: LockFile): Record<string, LockEntry> {
  const forgotten: Record<string, LockEntry> = {}
  for (const [path, { dev, optionalDependencies = {} }] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const isThere = listPlaces(path, name).some((place) => place in lock.packages)
      // A range cannot be resolved without the registry; the builds that matter are pinned.
      if (isThere || !/^\d+\.\d+\.\d+$/.test(version)) continue
      forgotten[`node_modules/${name}`] = {
        version,
        ...readPlatform(name),
        ...(dev === true ? { dev } : {}),
        optional: true,
      }
    }
  }
  return forgotten
}

/** The lock file with an entry for every forgotten build. */
export function completeLock(lock: LockFile): LockFile {
  const all = { ...lock.packages, ...findForgotten(lock) }
  const names = Object.keys(all).toSorted((a, b) => a.localeCompare(b, 'en'))
  const packages = Object.fromEntries(names.map((name) => [name, all[name] ?? {}]))
  return { ...lock, packages }
}

/** Where Node would look for `name` from the package at `path`, nearest first. */
function listPlaces(path: string, name: string): string[] {
  const places = [`${path}/node_modules/${name}`, `node_modules/${name}`]
  for (
    let at = path.lastIndexOf('/node_modules/');
    at > 0;
    at = path.lastIndexOf('/node_modules/', at - 1)
  ) {
    places.push(`${path.slice(0, at)}/node_modules/${name}`)
  }
  return places
}

const systems = 'aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32'
const processors = 'arm64|arm|ia32|loong64|mips64el|ppc64|riscv64|s390x|wasm32|x64'
const platformShape = new RegExp(`\\b(${systems})-(${processors})(?:-(gnu|musl)\\w*)?`)

/** Package names of builds say what they run on: `@oxfmt/binding-linux-arm-musleabihf`. */
function readPlatform(name: string): LockEntry {
  const [, system, processor, library] = platformShape.exec(name) ?? []
  if (system === undefined || processor === undefined) return {}
  return {
    cpu: [processor],
    os: [system],
    ...(library === undefined ? {} : { libc: [library === 'gnu' ? 'glibc' : 'musl'] }),
  }
}
