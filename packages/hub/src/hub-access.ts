// The settings that say who may come in, made into an `authorize`.

import { AccessError, createAccess } from '@tidemark/access'
import type { Access, AccessOptions } from '@tidemark/access'
import type { Clock } from '@tidemark/log'
import type { Authorize } from '@tidemark/server'
import type { HubConfig } from './config/hub-config.ts'
import { HubError } from './errors.ts'
import { planAccess } from './plan-access.ts'
import type { ProtectedResource } from './protected-resource.ts'
import { tellRefusals } from './refusals.ts'

interface AccessHost {
  readonly clock: Clock
  /** A hub that starts has its keys, or does not start. One that only replaces a worker goes on without. */
  readonly isFirstStart: boolean
}

/**
 * Opens what a configuration says of who may come in; undefined where it says nothing.
 * @throws HubError `CONFIG_INVALID`, `AUTH_KEYS_UNREACHABLE`
 */
export async function openAccess(config: HubConfig, host: AccessHost): Promise<Access | undefined> {
  const { clock, isFirstStart } = host
  const options = await planAccess(config)
  if (options === undefined) return undefined
  const access = make({ ...options, clock }, config)
  try {
    await access.ready
  } catch (cause) {
    if (!isFirstStart) return access
    access.close()
    throw unreachable(cause)
  }
  return access
}

/** The `authorize` of a node; `resource` is undefined where no token can be checked. */
export function planAuthorize(
  access: Access | undefined,
  resource: ProtectedResource | undefined,
): Authorize | 'everyone' {
  // Loopback and the guard are all that stands before a hub that does not ask (`checkExposure`).
  if (access === undefined) return 'everyone'
  return resource === undefined ? access.authorize : tellRefusals(access.authorize, resource)
}

/** @throws HubError `CONFIG_INVALID` that names the setting */
function make(options: AccessOptions, config: HubConfig): Access {
  try {
    return createAccess(options)
  } catch (error) {
    if (!(error instanceof AccessError)) throw error
    const message = nameSettings(error.message, findPlace(options, config))
    throw new HubError('CONFIG_INVALID', `The configuration is not usable: ${message}`, {
      cause: error,
    })
  }
}

/** Where the issuer stands that is at fault. */
function findPlace({ tokens = [], clock }: AccessOptions, { auth }: HubConfig): string {
  if (auth.issuers.length === 0) return 'auth'
  const at = tokens.findIndex((issuer) => {
    try {
      createAccess({ tokens: [issuer], clock }).close()
      return false
    } catch {
      return true
    }
  })
  return at < 0 ? 'auth' : `auth.issuers.${at}`
}

function unreachable(cause: unknown): HubError {
  const text = cause instanceof Error ? cause.message : String(cause)
  return new HubError(
    'AUTH_KEYS_UNREACHABLE',
    `The keys that tokens are checked with cannot be had: ${nameSettings(text, 'auth')}`,
    { cause },
  )
}

const memberNames =
  /(?<![\w.])(`?)(secret|publicKey|jwks|algorithms|issuer|audience)\1(?= must|,|\.| has| cannot)/g

/** The names that the settings have, in place of those of `createAccess`. */
function nameSettings(text: string, place: string): string {
  return text
    .replaceAll(/\bjwks(?:Url|File)\b/g, 'jwks')
    .replaceAll(memberNames, `${place}.$2`)
    .replaceAll(/\bclaimNames\b/g, 'auth.claims')
    .replaceAll(/\bcookieName\b/g, 'auth.cookie')
}
