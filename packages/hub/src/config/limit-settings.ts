// The settings that say how many and how often, which addresses, and which requests: one row each.

import { addressRangesMax } from '@tidemark/access/hub'
import type { SettingName } from './hub-config.ts'
import { count, duration, noneOr, texts, wordOr } from './kinds.ts'
import type { SettingRow } from './setting.ts'

type LimitName = Extract<SettingName, `${'addresses' | 'limits' | 'requests'}.${string}`>

/** Windows that nobody waits for the end of, and timers reach. */
const windowRangeMs = { from: 1_000, to: 24 * 3_600_000 }

/** From a test's second to the month that a token may hold. */
const sessionAgeRangeMs = { from: 1_000, to: 30 * 24 * 3_600_000 }

const countRange = { from: 1, to: 1_000_000 }

const ranges = texts(addressRangesMax, {
  kind: 'text',
  names: 'an address or a network such as 192.0.2.0/24, 2001:db8::/32 or loopback',
})

/** The ways to treat a request that breaks a rule. */
const modes: SettingRow['kind'] = { kind: 'choice', of: ['off', 'log', 'refuse'] }

/** By name, as in `settings.ts`. */
export const limitRows: Readonly<Record<LimitName, SettingRow>> = {
  'limits.sessionsPerUser': {
    // With `noneOr` a checked configuration would get the default when it is checked again.
    kind: wordOr('none', count({ from: 1, to: 10_000 }, 'streams')),
    default: 3,
    example: 10,
    help: 'Open streams of one user, on all hubs of the same data together.',
    more: 'Visitors without a token are no users. A change takes a restart of every hub of the data.',
  },
  'limits.atUserLimit': {
    kind: { kind: 'choice', of: ['replace', 'reject'] },
    default: 'replace',
    example: 'reject',
    help: 'At that number the oldest stream makes room (replace), or the new one is refused (reject).',
  },
  'limits.sessionsPerAddress': {
    kind: noneOr(count(countRange, 'streams')),
    default: 'none',
    example: 50,
    help: 'Open streams of one address; those of IPv6 count by /64.',
    more: 'An office or a mobile network shows as one address. Behind a proxy give addresses.trustProxy first.',
  },
  'limits.maxSessionAge': {
    kind: noneOr(duration(sessionAgeRangeMs)),
    default: 'none',
    example: '12h',
    help: 'A stream is ended when it is so old; its client comes back and resumes.',
    more: 'It ends up to a tenth earlier, so that streams opened together do not end together.',
  },
  'limits.streamsPerAddress': {
    kind: noneOr(count(countRange, 'streams')),
    default: 'none',
    example: 10,
    help: 'Streams that one address may open within limits.streamsWindow, reconnects included.',
  },
  'limits.streamsWindow': {
    kind: duration(windowRangeMs),
    default: '15m',
    example: '1h',
    help: 'The time within which the streams of an address are counted.',
  },
  'limits.slowDownAfter': {
    kind: noneOr(count(countRange, 'streams')),
    default: 'none',
    example: 5,
    help: 'Beyond so many within the window, each stream of an address begins half a second later than the one before.',
  },
  'limits.publishesPerUser': {
    kind: noneOr(count({ from: 1, to: 1_000_000_000 }, 'publishes')),
    default: 'none',
    example: 600,
    help: 'Publishes of one user within limits.publishesWindow; a batch counts once.',
  },
  'limits.publishesWindow': {
    kind: duration(windowRangeMs),
    default: '1m',
    example: '1h',
    help: 'The time within which the publishes of a user are counted.',
  },
  'addresses.allow': {
    kind: ranges,
    default: [],
    example: ['192.0.2.0/24'],
    value: '<address,…>',
    help: 'Addresses that are let in whatever addresses.deny, a ban or a deny at run time says.',
    more: 'To let in nobody else, deny `0.0.0.0/0` and `::/0`.',
  },
  'addresses.deny': {
    kind: ranges,
    default: [],
    example: ['198.51.100.0/24', '2001:db8::/32'],
    value: '<address,…>',
    help: 'Addresses whose requests are refused. More can be denied at run time, with POST /admin/addresses.',
  },
  'addresses.trustProxy': {
    kind: ranges,
    default: [],
    example: ['loopback', '10.0.0.0/8'],
    value: '<address,…>',
    help: 'Proxies whose word counts for the address of a client. Name yours only: a client could say anything.',
  },
  'addresses.proxyHeader': {
    kind: { kind: 'choice', of: ['x-forwarded-for', 'forwarded'] },
    default: 'x-forwarded-for',
    example: 'forwarded',
    help: 'The header in which these proxies say it. The other one is never read, as a client may have sent it.',
  },
  'addresses.banAfter': {
    kind: wordOr('none', count({ from: 2, to: 1_000_000 }, 'refusals')),
    default: 20,
    example: 100,
    help: 'An address that was refused so often (401, 403, 429) within addresses.banFor is banned.',
    more: 'Addresses of this machine and of trusted proxies never are. Behind a proxy that is not named, all clients are one address.',
  },
  'addresses.banFor': {
    kind: duration({ from: 1_000, to: 7 * 24 * 3_600_000 }),
    default: '15m',
    example: '1h',
    help: 'How long a ban lasts. It holds on every hub of the same data, and over restarts.',
  },
  'requests.headers': {
    kind: modes,
    default: 'off',
    example: 'log',
    help: 'Requests without User-Agent or Accept: let in, told and counted (log), or refused. Probes are let in.',
  },
  'requests.userAgent': {
    kind: modes,
    default: 'off',
    example: 'refuse',
    help: 'Likewise a User-Agent of under 10 characters, or one that says bot, crawler or script.',
  },
}
