// The values given, and where: the file, then variables, then flags, each of which beats those before it.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { quoteValue } from '@tidemark/wire/values'
import { HubError } from '../errors.ts'
import { findRepeatedName } from '../raw-json.ts'
import { attempt, invalid, suggest } from './faults.ts'
import { configOptions } from './options.ts'
import type { ConfigOption } from './options.ts'
import type { Origin, Origins } from './origin.ts'
import { settings } from './settings.ts'

/** Where settings come from. */
export interface ConfigSources {
  /** By flag name without dashes: `{ port: '7171' }`. */
  readonly flags: Readonly<Record<string, string>>
  /** The process's environment; names that begin with `TIDEMARK_` are read. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where `tidemark.config.json` is looked for, and what relative paths are relative to. */
  readonly directory: string
  /** A configuration file to read instead; it must exist. */
  readonly file?: string | undefined
}

/** Everything that was given, not checked yet. */
export interface Gathered {
  readonly settings: Readonly<Record<string, unknown>>
  readonly origins: Origins
  readonly directory: string
}

/** A tree that is being put together. */
interface Tree {
  [name: string]: unknown
}

/** Variables that other commands read. */
const foreignVariables = ['TIDEMARK_URL']

/**
 * Reads all sources.
 * @throws HubError `CONFIG_INVALID`, `CONFIG_UNREADABLE`
 */
export function gatherSettings(given: ConfigSources): Gathered {
  const { flags, env, directory, file } = copySources(given)
  const path = resolve(directory, file ?? 'tidemark.config.json')
  const tree = readFile(path, file !== undefined)
  const origins = new Map<string, Origin>()
  for (const { name, path: place } of settings) {
    if (readPlace(tree, place) !== undefined) origins.set(name, { kind: 'file', name: path })
  }
  for (const { name, path: place, value } of readVariables(env)) {
    assign(tree, place, value)
    origins.set(place.join('.'), { kind: 'variable', name })
  }
  for (const { name, path: place, value } of readFlags(flags)) {
    assign(tree, place, value)
    origins.set(place.join('.'), { kind: 'flag', name })
  }
  return { settings: tree, origins, directory }
}

/** Copies, each member read once: callers written in JavaScript may hand in anything. */
function copySources(sources: ConfigSources): ConfigSources {
  if (typeof sources !== 'object' || sources === null)
    throw invalid([`it is read from { flags, env, directory }, got ${quoteValue(sources)}`])
  const { flags, env, directory, file } = attempt('The sources of a configuration', () => ({
    ...sources,
  }))
  for (const [name, value] of Object.entries({ flags, env })) {
    if (typeof value === 'object' && value !== null) continue
    throw invalid([`${name} must be an object, got ${quoteValue(value)}`])
  }
  requirePath('directory', directory)
  if (file !== undefined) requirePath('file', file)
  const copies = attempt('The sources of a configuration', () => ({
    flags: { ...flags },
    env: { ...env },
  }))
  return { ...copies, directory, file }
}

function requirePath(name: string, value: unknown): void {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return
  throw invalid([`${name} must be a path, got ${quoteValue(value)}`])
}

function readFile(path: string, isRequired: boolean): Tree {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (isMissing && !isRequired) return {}
    throw new HubError(
      'CONFIG_UNREADABLE',
      `Cannot read the configuration file ${path}: ${String(error)}.`,
      { cause: error },
    )
  }
  try {
    const tree: unknown = JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text)
    if (isBranch(tree)) {
      requireOnce(path, text)
      return { ...tree }
    }
  } catch (error) {
    if (error instanceof HubError) throw error
    // Without its cause, which quotes the file.
    throw new HubError('CONFIG_UNREADABLE', `${path} is not JSON: ${describeSyntax(error, text)}.`)
  }
  throw new HubError('CONFIG_UNREADABLE', `${path} must hold a JSON object such as {"port": 7171}.`)
}

/** Where the mistake is. V8 quotes the text around it, which may be a secret. */
function describeSyntax(error: unknown, text: string): string {
  const at = Number(/ at position (\d+)/.exec(String(error))?.[1] ?? Number.NaN)
  if (Number.isNaN(at)) return 'a value, a name or a comma is not where it should be'
  const before = text.slice(0, at).split('\n')
  return `the mistake is in line ${before.length}, column ${(before.at(-1) ?? '').length + 1}`
}

/**
 * A second `retention` at the end of a long file would take the rules of the first one away, without a
 * word.
 */
function requireOnce(path: string, text: string): void {
  const repeated = findRepeatedName(text)
  if (repeated === undefined) return
  throw invalid([`${repeated.join('.')} is given twice in ${path}; leave one of them`])
}

/** A value with its place in the file, and the name of what gave it. */
interface Given {
  readonly name: string
  readonly path: readonly string[]
  readonly value: string
}

function readVariables(env: ConfigSources['env']): readonly Given[] {
  const known = configOptions.map((option) => option.env)
  return Object.entries(env).flatMap(([name, value]) => {
    if (!name.startsWith('TIDEMARK_') || value === undefined) return []
    const option = configOptions.find(({ env: variable }) => variable === name)
    requireKey(name, option, value)
    // An empty variable is one that is not set, as a compose file leaves it.
    if (value === '' || foreignVariables.includes(name) || isServiceLink(name, value)) return []
    if (option === undefined) throw invalid([`there is no variable ${name}${suggest(name, known)}`])
    return [{ name, path: option.path, value }]
  })
}

/**
 * Whether Kubernetes has set a variable, or Docker: of a service named `tidemark` or `tidemark-…` every
 * container beside it gets `TIDEMARK_SERVICE_HOST`, `TIDEMARK_PORT=tcp://10.0.0.1:7070` and more. A hub
 * that took them for its own would not start.
 * https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
function isServiceLink(name: string, value: string): boolean {
  if (/_SERVICE_(?:HOST|PORT(?:_[A-Z0-9_]+)?)$/.test(name)) return true
  if (/_PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:ADDR|PORT|PROTO))?$/.test(name)) return true
  return name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\//.test(value)
}

function readFlags(flags: ConfigSources['flags']): readonly Given[] {
  const known = configOptions.map((option) => option.flag)
  return Object.entries(flags).map(([name, value]) => {
    const option = configOptions.find(({ flag }) => flag === name)
    if (option === undefined) throw invalid([`there is no flag --${name}${suggest(name, known)}`])
    requireKey(`--${name}`, option, value)
    return { name: `--${name}`, path: option.path, value }
  })
}

/** The settings of which one at least makes the hub ask who is there. */
const keySettings = ['auth.secret', 'auth.jwks', 'auth.publicKey']

/**
 * An empty key is one that a script or a compose file could not fill in. Taken for none, it would start a hub
 * that lets everybody in.
 */
function requireKey(name: string, option: ConfigOption | undefined, value: unknown): void {
  const setting = option?.path.join('.') ?? ''
  if (value !== '' || !keySettings.includes(setting)) return
  throw invalid([
    `${setting} is empty in ${name}, and a hub without a key lets in everybody who reaches it; give one, or leave ${name} out`,
  ])
}

function assign(tree: Tree, [name, ...rest]: readonly string[], value: string): void {
  if (name === undefined) return
  if (rest.length === 0) {
    tree[name] = value
    return
  }
  const inner = tree[name]
  // A value that cannot be a section stays, so that its fault is told.
  if (inner !== undefined && !isBranch(inner)) return
  const branch = { ...inner }
  tree[name] = branch
  assign(branch, rest, value)
}

function readPlace(tree: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined) return tree
  return isBranch(tree) && Object.hasOwn(tree, name) ? readPlace(tree[name], rest) : undefined
}

function isBranch(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
