// From defaults, `tidemark.config.json`, variables and flags to one checked configuration; each beats those before it.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { nearestName, quoteValue } from '@tidemark/server'
import type { z } from 'zod'
import { HubError } from '../errors.ts'
import { configOptions } from './options.ts'
import { configSchema, listSettingNames } from './schema.ts'
import type { HubConfig } from './schema.ts'

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

/** A tree of settings before it is checked. */
interface Settings {
  [name: string]: unknown
}

/** Variables that other commands read. */
const foreignVariables = ['TIDEMARK_URL']

/**
 * Loads the configuration.
 * @throws HubError `CONFIG_INVALID` (every fault in one message), `CONFIG_UNREADABLE`
 */
export function loadConfig(given: ConfigSources): HubConfig {
  const sources = readSources(given)
  const settings = readFile(sources)
  applyVariables(settings, sources.env)
  applyFlags(settings, sources.flags)
  const { data, tls, ...rest } = checkConfig(settings)
  const at = (path: string): string => resolve(sources.directory, path)
  return {
    ...rest,
    data: data === 'memory:' ? data : at(data),
    tls: tls === undefined ? undefined : { cert: at(tls.cert), key: at(tls.key) },
  }
}

/**
 * Checks a configuration that comes from elsewhere than {@link loadConfig}, or has been changed since. One that says nothing of where its data
 * are is none: defaults are for files and flags.
 * @throws HubError `CONFIG_INVALID` (every fault in one message)
 */
export function requireConfig(config: HubConfig): HubConfig {
  const isGiven = attempt(
    'The configuration',
    () => typeof config === 'object' && config?.data !== undefined,
  )
  if (isGiven) return checkConfig(config)
  throw invalid([`it is what loadConfig gives, got ${quoteValue(config)}`])
}

function checkConfig(settings: unknown): HubConfig {
  const checked = attempt('The configuration', () => configSchema.safeParse(settings))
  if (checked.success) return checked.data
  throw invalid(checked.error.issues.map((issue) => describeIssue(issue, settings)))
}

/** Copies, each member read once: callers written in JavaScript may hand in anything. */
function readSources(sources: ConfigSources): ConfigSources {
  if (typeof sources !== 'object' || sources === null)
    throw invalid([`it is read from { flags, env, directory }, got ${quoteValue(sources)}`])
  const { flags, env, directory, file } = attempt('What to configure from', () => ({ ...sources }))
  for (const [name, value] of Object.entries({ flags, env })) {
    if (typeof value === 'object' && value !== null) continue
    throw invalid([`${name} must be an object, got ${quoteValue(value)}`])
  }
  requirePath('directory', directory)
  if (file !== undefined) requirePath('file', file)
  const copies = attempt('What to configure from', () => ({ flags: { ...flags }, env: { ...env } }))
  return { ...copies, directory, file }
}

function requirePath(name: string, value: unknown): void {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return
  throw invalid([`${name} must be a path, got ${quoteValue(value)}`])
}

function attempt<Result>(what: string, read: () => Result): Result {
  try {
    return read()
  } catch (cause) {
    throw new HubError('CONFIG_INVALID', `${what} throws when it is read.`, { cause })
  }
}

function readFile({ directory, file }: ConfigSources): Settings {
  const path = resolve(directory, file ?? 'tidemark.config.json')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (isMissing && file === undefined) return {}
    throw new HubError(
      'CONFIG_UNREADABLE',
      `Cannot read the configuration file ${path}: ${String(error)}.`,
      { cause: error },
    )
  }
  try {
    const settings: unknown = JSON.parse(text)
    if (typeof settings === 'object' && settings !== null && !Array.isArray(settings))
      return { ...settings }
  } catch (error) {
    throw new HubError('CONFIG_UNREADABLE', `${path} is not JSON: ${String(error)}.`, {
      cause: error,
    })
  }
  throw new HubError('CONFIG_UNREADABLE', `${path} must hold a JSON object such as {"port": 7171}.`)
}

function applyVariables(settings: Settings, env: ConfigSources['env']): void {
  const known = configOptions.map((option) => option.env)
  for (const [name, value] of Object.entries(env)) {
    if (
      !name.startsWith('TIDEMARK_') ||
      value === undefined ||
      value === '' ||
      foreignVariables.includes(name)
    )
      continue
    const option = configOptions.find(({ env: variable }) => variable === name)
    if (option === undefined) throw invalid([`there is no variable ${name}${suggest(name, known)}`])
    assign(settings, option.path, value)
  }
}

function applyFlags(settings: Settings, flags: ConfigSources['flags']): void {
  const known = configOptions.map((option) => option.flag)
  for (const [name, value] of Object.entries(flags)) {
    const option = configOptions.find(({ flag }) => flag === name)
    if (option === undefined) throw invalid([`there is no flag --${name}${suggest(name, known)}`])
    assign(settings, option.path, value)
  }
}

function assign(settings: Settings, path: readonly string[], value: string): void {
  const [name, ...rest] = path
  if (name === undefined) return
  if (rest.length === 0) {
    settings[name] = value
    return
  }
  const inner = settings[name]
  const branch: Settings = typeof inner === 'object' && inner !== null ? { ...inner } : {}
  settings[name] = branch
  assign(branch, rest, value)
}

function describeIssue(issue: z.core.$ZodIssue, settings: unknown): string {
  const place = issue.path.length === 0 ? 'the whole' : issue.path.join('.')
  if (issue.code === 'unrecognized_keys') {
    const known = listSettingNames(issue.path)
    return issue.keys
      .map((key) => `there is no setting ${[...issue.path, key].join('.')}${suggest(key, known)}`)
      .join('; ')
  }
  let got: unknown = settings
  for (const step of issue.path) got = (got as Record<PropertyKey, unknown> | undefined)?.[step]
  return got === undefined
    ? `${place} ${issue.message}`
    : `${place} ${issue.message}; got ${quoteValue(got)}`
}

function suggest(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  return nearest === undefined ? `; known are ${known.join(', ')}` : `; did you mean ${nearest}?`
}

function invalid(faults: readonly string[]): HubError {
  return new HubError('CONFIG_INVALID', `The configuration is not usable: ${faults.join('; ')}.`)
}
