// The settings that say who may come in, made into an `authorize`.

import { AccessError, createAccess } from '@tidemark/access'
import type { Access, AccessOptions } from '@tidemark/access'
import type { Clock, EventLog } from '@tidemark/log'
import type { Authorize } from '@tidemark/server'
import { AllowedOrigins } from './cors.ts'
import type { HubConfig } from './config/hub-config.ts'
import { HubError } from './errors.ts'
import { isLoopbackName } from './loopback.ts'
import { planAccess } from './plan-access.ts'
import { tellRefusals } from './refusals.ts'
import type { RefusalOptions } from './refusals.ts'

interface AccessHost {
  readonly clock: Clock
  /** Revocations and tickets stand in its ledgers; without it there are none. */
  readonly log?: EventLog | undefined
  /** A hub that starts has its keys, or does not start. One that only replaces a worker goes on without. */
  readonly isFirstStart: boolean
  /** Told of changes that the operator should know of. */
  readonly say?: ((text: string) => void) | undefined
}

/**
 * Opens what a configuration says of who may come in; undefined where it says nothing.
 * @throws HubError `CONFIG_INVALID`, `AUTH_KEYS_UNREACHABLE`
 */
export async function openAccess(config: HubConfig, host: AccessHost): Promise<Access | undefined> {
  const { clock, log, isFirstStart, say } = host
  const options = await planAccess(config)
  if (options === undefined) return undefined
  const access = make(
    { ...options, clock, onLine: say, ...(log && planShared(config, log)) },
    config,
  )
  try {
    await access.ready
  } catch (cause) {
    const error = unreachable(cause)
    if (isFirstStart) {
      access.close()
      throw error
    }
    say?.(error.message)
    return access
  }
  return access
}

/** The cookie that `POST /session` hands out, the pages that may use it, and how long all that lasts. */
function planShared(
  { auth, cookie, cors, revocation, tls }: HubConfig,
  log: EventLog,
): Partial<AccessOptions> {
  const allowed = new AllowedOrigins(cors)
  const { secure, sameSite, domain, path, maxAge: maxAgeMs } = cookie
  // Where this hub ends TLS itself, no name is plain.
  const isSecure = secure ? (tls === undefined ? undefined : true) : false
  return {
    log,
    cookie: auth.sources.includes('cookie')
      ? { secure: isSecure, sameSite, domain: domain === '' ? undefined : domain, path, maxAgeMs }
      : undefined,
    origins: (origin) => allowed.credentials && allowed.has(origin),
    revocableClaims: revocation.claims,
    tokenLifeMs: revocation.tokenLife,
    ticketLifeMs: revocation.ticketLife,
  }
}

/** The `authorize` of a node, whose refusals say more than those of its access. */
export function planAuthorize(
  access: Access | undefined,
  { host, resource }: Pick<HubConfig, 'host'> & Pick<RefusalOptions, 'resource'>,
): Authorize | 'everyone' {
  // Loopback and the guard are all that stands before a hub that does not ask (`checkExposure`).
  if (access === undefined) return 'everyone'
  return tellRefusals({ access, resource, isLoopback: isLoopbackName(host) })
}

/** @throws HubError `CONFIG_INVALID` that names the setting */
function make(options: AccessOptions, config: HubConfig): Access {
  try {
    return createAccess(options)
  } catch (error) {
    if (!(error instanceof AccessError)) throw error
    const message = nameSettings(error.message, findPlace(error, config))
    throw new HubError('CONFIG_INVALID', `The configuration is not usable: ${message}`, {
      cause: error,
    })
  }
}

/** Where the issuer stands that is at fault. */
function findPlace({ entry }: AccessError, { auth }: HubConfig): string {
  return entry === undefined || auth.issuers.length === 0 ? 'auth' : `auth.issuers.${entry.index}`
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
  /(?<![\w.])(`?)(secret|publicKey|jwks|algorithms|issuer|audience)\1(?= must|,|\.| has| cannot| got)/g

/** The names that the settings have, in place of those of `createAccess`. */
function nameSettings(text: string, place: string): string {
  return (
    text
      // The hub decides that by itself: at its start, and not for a worker that replaces another one.
      .replace(/ To start without its keys, say `isNeededAtStart: false`\./, '')
      .replaceAll(/\bjwks(?:Url|File)\b/g, 'jwks')
      .replaceAll(memberNames, `${place}.$2`)
      .replaceAll(/\bclaimNames\b/g, 'auth.claims')
      .replaceAll(/\brevocableClaims\b/g, 'revocation.claims')
      .replaceAll(/\bcookieName\b/g, 'auth.cookie')
  )
}
