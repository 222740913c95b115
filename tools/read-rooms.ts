// Reads the workspace's rooms from disk: manifests, references and sources.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The members of a package.json that the checks look at. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly private?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly exports?: Readonly<Record<string, unknown>>
}

/** One source file; `path` is relative to the room's `src`, with `/`. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** One package of the workspace. */
export interface Room {
  /** Its folder under `packages/`. */
  readonly name: string
  readonly manifest: Manifest
  /** Rooms its tsconfig.json references. */
  readonly references: readonly string[]
  readonly files: readonly SourceFile[]
}

/** The workspace's root folder. */
export const rootFolder: string = fileURLToPath(new URL('..', import.meta.url))

/** Every room under `packages/`, by name. */
export function readRooms(root: string = rootFolder): Room[] {
  const packages = join(root, 'packages')
  return readdirSync(packages)
    .filter((name) => existsSync(join(packages, name, 'package.json')))
    .map((name) => readRoom(join(packages, name), name))
}

function readRoom(folder: string, name: string): Room {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest
  const config = JSON.parse(readFileSync(join(folder, 'tsconfig.json'), 'utf8')) as {
    references?: { path: string }[]
  }
  const references = (config.references ?? []).map(({ path }) => path.replace('../', ''))
  return { name, manifest, references, files: readSources(join(folder, 'src')) }
}

function readSources(folder: string): SourceFile[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => join(folder, path))
    .map((path) => ({
      path: relative(folder, path).split(sep).join('/'),
      text: readFileSync(path, 'utf8'),
    }))
}
