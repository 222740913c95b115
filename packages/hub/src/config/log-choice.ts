// Which log a configuration asks for: the setting `data` by its kind.

import type { HubConfig } from './hub-config.ts'

/**
 * A log by its kind. A further kind is a member here, an opener in `open-log.ts`, and a way to write it
 * here.
 */
export type LogChoice =
  | { readonly kind: 'memory' }
  | {
      readonly kind: 'lmdb'
      readonly directory: string
      readonly durability: HubConfig['durability']
    }

/** The log of a checked configuration. */
export function planLog({ data, durability }: Pick<HubConfig, 'data' | 'durability'>): LogChoice {
  return isMemory(data) ? { kind: 'memory' } : { kind: 'lmdb', directory: data, durability }
}

/**
 * The scheme of a text that is an address and no directory. A hub must not keep events in a directory
 * named `redis:` because its operator thinks it speaks to Redis. Without what follows, which may have a
 * password. One letter is a drive of Windows.
 */
export function findForeignScheme(data: string): string | undefined {
  return isMemory(data) ? undefined : /^[A-Za-z][A-Za-z0-9+.-]+:/.exec(data)?.[0]
}

/** Events are kept in this process only: no directory, and no other process can have the log open. */
export function isMemory(data: string): boolean {
  return data === 'memory:'
}
