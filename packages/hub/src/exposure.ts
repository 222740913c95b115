// How far a hub can be reached, and whether it can tell its clients apart.

import { statSync } from 'node:fs'
import process from 'node:process'
import { quote } from '@tidemark/wire/values'
import { hasKeys, isLocked, isUrl, secretFile } from './config/access-choice.ts'
import type { HubConfig } from './config/hub-config.ts'
import { HubError } from './errors.ts'
import { isLoopbackName } from './loopback.ts'

/**
 * Without authentication everybody who reaches the port may read and publish, so nobody but this
 * machine shall.
 * @throws HubError `HOST_NEEDS_AUTH`, whose message ends in three lines for a shell
 */
export function checkExposure(config: HubConfig): void {
  const { host, insecure } = config
  if (insecure || isLocked(config) || isLoopbackName(host)) return
  const shown = /^[\w.:-]+$/.test(host) ? host : '0.0.0.0'
  throw new HubError(
    'HOST_NEEDS_AUTH',
    `Without authentication the hub listens on loopback only; got the host ${quote(host)}. Leave --host out and put a proxy in front, or say --insecure if everyone who reaches the port may read and publish, or let in those with a token by these three lines:
  (umask 077; openssl rand -base64 48 > tidemark.secret)
  tidemark serve --host ${shown} --auth-secret @tidemark.secret
  tidemark token --auth-secret @tidemark.secret --sub ada --subscribe 'demo/**' --ttl 1h`,
  )
}

/** Lines for an operator whose hub starts, and is less safe than it may seem. */
export function describeExposure(config: HubConfig): readonly string[] {
  return [...(hasKeys(config) ? describeAccess(config) : []), ...describeOpenFiles(config)]
}

function describeAccess({ auth, host, tls }: HubConfig): readonly string[] {
  const lines: string[] = []
  if (tls === undefined && !isLoopbackName(host)) {
    lines.push(
      `tokens and events travel unencrypted to ${host}. Give tls.cert and tls.key, or let a proxy on this machine speak TLS and listen on loopback.`,
    )
  }
  const shared = [auth, ...auth.issuers].find(
    ({ jwks = '', audience = [] }) => isUrl(jwks) && audience.length === 0,
  )
  if (shared !== undefined) {
    lines.push(
      `tokens that ${shared.issuer === '' ? 'the issuer' : quote(shared.issuer)} has made for other applications are accepted too. Give auth.audience.`,
    )
  }
  return lines
}

/** Files of secrets that everybody on this machine may read. */
function describeOpenFiles({ auth, webhooks }: HubConfig): readonly string[] {
  const lines: string[] = []
  for (const { secret = '' } of [auth, ...auth.issuers, ...webhooks]) {
    const file = secretFile(secret)
    if (file === undefined || !isForAll(file)) continue
    lines.push(
      `everybody on this machine may read ${file}, and sign with it. Let nobody but the user of the hub: chmod 600 ${file}`,
    )
  }
  return lines
}

/** Whether all users of this machine may read a file. A missing file is told of where it is read. */
function isForAll(file: string): boolean {
  // There the mode says nothing.
  if (process.platform === 'win32') return false
  return ((statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o004) !== 0
}
