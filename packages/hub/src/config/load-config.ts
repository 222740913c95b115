// From defaults, `tidemark.config.json`, variables and flags to one checked configuration; each beats
// those before it.

import { resolve } from 'node:path'
import { quoteValue } from '@tidemark/wire/values'
import { isUrl, secretFile } from './access-choice.ts'
import { checkSettings } from './check-config.ts'
import { attempt, describeFault, invalid } from './faults.ts'
import type { AuthConfig, HubConfig } from './hub-config.ts'
import { isMemory } from './log-choice.ts'
import type { Origins } from './origin.ts'
import { gatherSettings } from './sources.ts'
import type { ConfigSources, Gathered } from './sources.ts'

/**
 * Loads the configuration.
 * @throws HubError `CONFIG_INVALID` (every fault in one message), `CONFIG_UNREADABLE`
 */
export function loadConfig(given: ConfigSources): HubConfig {
  return resolveGathered(gatherSettings(given))
}

/**
 * Checks what was gathered, and makes its paths absolute.
 * @throws HubError `CONFIG_INVALID` (every fault in one message)
 */
export function resolveGathered({ settings, origins, directory }: Gathered): HubConfig {
  const config = checkConfig(settings, origins)
  const { auth, data, tls, webhooks } = config
  const at = (path: string): string => resolve(directory, path)
  return {
    ...config,
    data: isMemory(data) ? data : at(data),
    tls: tls && { ...tls, cert: tls.cert && at(tls.cert), key: tls.key && at(tls.key) },
    webhooks: webhooks.map((webhook) => resolveKey(webhook, at)),
    auth: {
      ...auth,
      ...resolveKey(auth, at),
      issuers: auth.issuers.map((issuer) => ({ ...issuer, ...resolveKey(issuer, at) })),
    },
  }
}

type Key = Partial<Pick<AuthConfig, 'jwks' | 'publicKey' | 'secret'>>

/** The files that hold a key; a member that is not there stays away. */
function resolveKey<Given extends Key>(key: Given, at: (path: string) => string): Given {
  const { secret = '', jwks = '', publicKey = '' } = key
  const file = secretFile(secret)
  return {
    ...key,
    ...(file === undefined ? {} : { secret: `@${at(file)}` }),
    ...(jwks === '' || isUrl(jwks) ? {} : { jwks: at(jwks) }),
    ...(publicKey === '' ? {} : { publicKey: at(publicKey) }),
  }
}

/**
 * Checks a configuration that comes from elsewhere than {@link loadConfig}, or has been changed since.
 * One that says nothing of where its data are is none: defaults are for files and flags.
 * @throws HubError `CONFIG_INVALID` (every fault in one message)
 */
export function requireConfig(config: HubConfig): HubConfig {
  const isGiven = attempt(
    'The configuration',
    () => typeof config === 'object' && config?.data !== undefined,
  )
  if (isGiven) return checkConfig(config, new Map())
  throw invalid([`it is what loadConfig gives, got ${quoteValue(config)}`])
}

/**
 * The directory that a value of the setting `data` names; undefined for `memory:`, of which nothing is kept.
 * @throws HubError `CONFIG_INVALID`
 */
export function findDataDirectory(data: string): string | undefined {
  const { faults = [] } = attempt('The data', () => checkSettings({ data: data ?? null }))
  if (faults.length > 0) throw invalid(faults.map((fault) => describeFault(fault, new Map())))
  return isMemory(data) ? undefined : data
}

function checkConfig(settings: unknown, origins: Origins): HubConfig {
  const checked = attempt('The configuration', () => checkSettings(settings))
  if (checked.faults === undefined) return checked.config
  throw invalid(checked.faults.map((fault) => describeFault(fault, origins)))
}
