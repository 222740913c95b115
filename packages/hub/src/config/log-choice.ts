// Which log a configuration asks for: the setting `data` by its kind.

import type { HubConfig } from './hub-config.ts'

/** A log by its kind. A further kind is a member here, an opener in `open-log.ts`, and a way to write it in `readLogPlace`. */
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

/** Whether several processes can have it open: what is in the memory of one is out of reach for others. */
export function isSharedLog(data: string): boolean {
  return !isMemory(data)
}

/** The place with its directory made absolute by `resolve`. */
export function resolveLogPlace(data: string, resolve: (path: string) => string): string {
  return isMemory(data) ? data : resolve(data)
}

/**
 * The scheme of a text that is an address and no directory: a hub must not keep events in a directory named `redis:` because
 * its operator thinks it speaks to one. Without what follows, which may have a password.
 */
export function findForeignScheme(data: string): string | undefined {
  return /^[A-Za-z][A-Za-z0-9+.-]*:(?=\/\/)/.exec(data)?.[0]
}

function isMemory(data: string): boolean {
  return data === 'memory:'
}
