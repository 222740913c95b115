// The settings that say who may come in, made into an `authorize`.

import { AccessError, createAccess } from '@tidemark/access'
import type { Access, AccessOptions } from '@tidemark/access'
import type { Clock, EventLog } from '@tidemark/log'
import type { Authorize, PlainRequest } from '@tidemark/server'
import { AllowedOrigins } from './cors.ts'
import type { HubConfig } from './config/hub-config.ts'
import { HubError } from './errors.ts'
import { isLoopbackName } from './loopback.ts'
import { planAccess } from './plan-access.ts'
import { tellRefusals } from './refusals.ts'
import type { RefusalOptions } from './refusals.ts'

interface AccessHost {
  readonly clock: Clock
  /** Revocations and tickets stand in its ledgers. */
  readonly log: EventLog
  /** A hub that starts has its keys, or does not start. One that only replaces a worker goes on without. */
  readonly isFirstStart: boolean
}

/**
 * Opens what a configuration says of who may come in; undefined where it says nothing.
 * @throws HubError `CONFIG_INVALID`, `AUTH_KEYS_UNREACHABLE`
 */
export async function openAccess(config: HubConfig, host: AccessHost): Promise<Access | undefined> {
  const { clock, log, isFirstStart } = host
  const options = await planAccess(config)
  if (options === undefined) return undefined
  const access = make(() => createAccess({ ...options, clock, log, ...planCookie(config) }), config)
  try {
    await access.ready
  } catch (cause) {
    if (!isFirstStart) return access
    access.close()
    throw unreachable(cause, config)
  }
  return access
}

/** The cookie that `POST /session` hands out, and the pages that may use it. */
function planCookie({ cors, tls }: HubConfig): Pick<AccessOptions, 'cookie' | 'origins'> {
  const allowed = new AllowedOrigins(cors)
  return {
    cookie: { secure: tls === undefined ? undefined : true },
    origins: (origin) => allowed.credentials && allowed.has(origin),
  }
}

/** The `authorize` of a node: what its access says, and more words for the refused. */
export function planAuthorize(
  access: Access | undefined,
  { config, resource }: { readonly config: HubConfig } & Pick<RefusalOptions, 'resource'>,
): Authorize | 'everyone' {
  // Loopback and the guard are all that stands before a hub that does not ask (`checkExposure`).
  if (access === undefined) return 'everyone'
  return tellRefusals({
    authorize: access.authorize,
    resource,
    isLoopback: isLoopbackName(config.host),
    findFix: (request) => findFix(access, request),
  })
}

/** The way out of the first check that a request does not pass. */
async function findFix(access: Access, request: PlainRequest): Promise<string | undefined> {
  const { action, topics } = request
  const names = topics.slice(0, 10)
  const wishes = action === 'admin' ? { permissions: ['admin'] } : { [action]: names }
  const { checks } = await access.explain(request, wishes)
  return checks.find(({ isPassed }) => !isPassed)?.fix
}

function make(create: () => Access, config: HubConfig): Access {
  try {
    return create()
  } catch (error) {
    if (!(error instanceof AccessError)) throw error
    const message = nameSettings(error.message, config)
    throw new HubError('CONFIG_INVALID', `The configuration is not usable: ${message}`, {
      cause: error,
    })
  }
}

function unreachable(cause: unknown, config: HubConfig): HubError {
  const text = cause instanceof Error ? cause.message : String(cause)
  return new HubError(
    'AUTH_KEYS_UNREACHABLE',
    `The keys that tokens are checked with cannot be had: ${nameSettings(text, config)} Look at auth.jwks, and whether this machine reaches it.`,
    { cause },
  )
}

/** The names that the settings have, in place of those of `createAccess`. */
function nameSettings(text: string, { auth }: HubConfig): string {
  const place = auth.issuers.length > 0 ? 'auth.issuers.$1' : 'auth'
  return text
    .replaceAll(/\btokens\[(\d+)\]/g, place)
    .replaceAll(/\bjwks(?:Url|File)\b/g, 'jwks')
    .replaceAll(/\bclaimNames\b/g, 'auth.claims')
    .replaceAll(/\bcookieName\b/g, 'auth.cookie')
}
