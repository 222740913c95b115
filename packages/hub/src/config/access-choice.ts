// Whether a configuration says who may come in.

import type { HubConfig } from './hub-config.ts'

/** Whether tokens can be checked. */
export function hasKeys({ auth }: Pick<HubConfig, 'auth'>): boolean {
  return auth.secret !== '' || auth.jwks !== '' || auth.publicKey !== '' || auth.issuers.length > 0
}

/** Whether anything is said. Else the hub is for everybody who reaches it, on this machine only. */
export function isLocked(config: Pick<HubConfig, 'anonymous' | 'auth'>): boolean {
  const { subscribe, publish } = config.anonymous
  return hasKeys(config) || subscribe.length > 0 || publish.length > 0
}

/** Whether a value of `auth.jwks` is a URL, and not the path of a file. */
export function isUrl(place: string): boolean {
  return /^[a-z][a-z0-9+.-]+:\/\//i.test(place)
}

/** The file that a value of `auth.secret` names; undefined for a secret that stands there itself. */
export function secretFile(secret: string): string | undefined {
  return secret.startsWith('@') ? secret.slice(1) : undefined
}

/** The default of `auth.cookie`. */
export const ownCookieName: string = 'tidemark'
