// Settings that would do nothing, because another one that they are for is not given. Nobody should
// believe in a protection that is not there.

import { hasKeys } from './access-choice.ts'
import type { Fault } from './fault.ts'
import type { HubConfig } from './hub-config.ts'
import { isDefault } from './is-default.ts'
import { limitRows } from './limit-settings.ts'
import { sessionRows } from './session-settings.ts'
import { formatDuration } from './units.ts'

interface Idle {
  readonly names: readonly (keyof typeof idleRows)[]
  readonly isIdle: (config: HubConfig) => boolean
  /** Follows `must be left out, or`. */
  readonly needs: string
}

const idleRows = { ...sessionRows, ...limitRows }

const table: readonly Idle[] = [
  {
    names: ['cookie.secure', 'cookie.sameSite', 'cookie.domain', 'cookie.path', 'cookie.maxAge'],
    isIdle: (config) => !hasKeys(config) || !config.auth.sources.includes('cookie'),
    needs:
      'tokens must be taken from cookies (auth.secret or another key, and cookie in auth.sources)',
  },
  {
    names: ['revocation.claims', 'revocation.tokenLife', 'revocation.ticketLife'],
    isIdle: (config) => !hasKeys(config),
    needs:
      'there must be a key to check tokens with (give auth.secret, auth.jwks or auth.publicKey)',
  },
  {
    names: ['limits.streamsWindow'],
    isIdle: ({ limits }) =>
      limits.streamsPerAddress === undefined && limits.slowDownAfter === undefined,
    needs: 'limits.streamsPerAddress or limits.slowDownAfter must say how many streams are meant',
  },
  {
    names: ['limits.publishesWindow'],
    isIdle: ({ limits }) => limits.publishesPerUser === undefined,
    needs: 'limits.publishesPerUser must say how many publishes are meant',
  },
  {
    names: ['addresses.proxyHeader'],
    isIdle: ({ addresses }) => addresses.trustProxy.length === 0,
    needs: 'addresses.trustProxy must name the proxies whose word counts',
  },
  {
    names: ['addresses.banFor'],
    isIdle: ({ addresses }) => addresses.banAfter === 'none',
    needs: 'addresses.banAfter must be a number',
  },
]

/** One fault for each. */
export function findIdleSettings(config: HubConfig): readonly Fault[] {
  return table
    .filter(({ isIdle }) => isIdle(config))
    .flatMap(({ names, needs }) =>
      names.flatMap((name) => {
        const got = read(config, name)
        if (isDefault(idleRows[name], got)) return []
        const wanted = `must be left out, or ${needs}`
        const { kind } = idleRows[name].kind
        const shown = kind === 'duration' ? formatDuration(Number(got)) : undefined
        return [{ kind: 'unfit', path: name.split('.'), wanted, got, shown } as const]
      }),
    )
}

function read(config: HubConfig, name: string): unknown {
  const [section = '', member = ''] = name.split('.')
  const members = (
    config as unknown as Readonly<Record<string, Readonly<Record<string, unknown>>>>
  )[section]
  return members?.[member]
}
