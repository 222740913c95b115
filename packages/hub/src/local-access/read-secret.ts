// The secret that a setting gives, or the file that it names.

import { readFileSync } from 'node:fs'
import { secretFile } from '../config/access-choice.ts'
import { HubError } from '../errors.ts'

/**
 * The secret itself. Editors end a file with a line end, which is no part of it.
 * @throws HubError `CONFIG_UNREADABLE`
 */
export function readSecret(secret: string): string {
  const path = secretFile(secret)
  if (path === undefined) return secret
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new HubError(
      'CONFIG_UNREADABLE',
      `Cannot read auth.secret ${path}: ${reason}. Give the path of a file with the secret, and let the user the hub runs as read it.`,
      { cause },
    )
  }
}
