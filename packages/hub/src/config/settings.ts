// Every setting of the hub, one row each. Flags, variables, help, messages, schema and reference are
// made from these rows.

import { retentionRulesMax } from '@tidemark/log'
import {
  eventsPerSecondRange,
  flushWindowLimitMs,
  lagActions,
  presenceRulesMax,
  rulesMax,
  stalledAfterRangeMs,
  topicSetsBytesMax,
  topicSetsBytesMin,
} from '@tidemark/server/hub'
import {
  bodyBytesLimit,
  eventBytesLimit,
  flushBytesLimit,
  retentionAgeMsLimit,
  storageBytesLimit,
  topicSetsBytesLimit,
  workersMax,
} from '../limits.ts'
import { accessRows } from './access-settings.ts'
import { sessionRows } from './session-settings.ts'
import type { SettingName } from './hub-config.ts'
import { bytes, count, duration, flag, noneOr, rate, wordOr } from './kinds.ts'
import { limitRows } from './limit-settings.ts'
import { patternMember, ruleRows } from './rule-settings.ts'
import type { Setting, SettingRow } from './setting.ts'
import { formatSize } from './units.ts'
import { webhookRows } from './webhook-settings.ts'

/** Beats more than an hour apart keep no proxy from cutting a stream, and timers end at 24.8 days. */
const heartbeatRangeMs = { from: 100, to: 3_600_000 }

const windowRangeMs = { from: 0, to: flushWindowLimitMs }

const pattern = patternMember

/** By name, so that the compiler finds a setting without a row, and a row without a setting. */
const rows: Readonly<Record<SettingName, SettingRow>> = {
  host: {
    kind: { kind: 'text', names: 'an address to listen on' },
    default: '127.0.0.1',
    example: '::1',
    value: '<address>',
    help: 'Address to listen on. Anything but loopback needs a way to tell who may come in, such as --auth-secret.',
  },
  port: {
    kind: count({ from: 0, to: 65_535 }),
    default: 7070,
    example: 8080,
    value: '<port>',
    help: 'Port to listen on; 0 takes a free one.',
  },
  data: {
    kind: { kind: 'log' },
    default: './tidemark-data',
    example: '/var/lib/tidemark',
    help: 'Where events are kept. `memory:` keeps them in this process only.',
  },
  durability: {
    kind: { kind: 'choice', of: ['fsync', 'commit'] },
    default: 'fsync',
    example: 'commit',
    help: 'The failure that an acknowledged event survives: power loss (fsync) or the death of the process (commit).',
  },
  'flush.window': {
    kind: wordOr('adaptive', duration(windowRangeMs)),
    default: 'adaptive',
    example: '10ms',
    help: 'How long events wait to be written together: 0ms to 100ms, or as the load asks for.',
  },
  'flush.windowMax': {
    kind: duration(windowRangeMs),
    default: '20ms',
    example: '50ms',
    help: 'The longest an adaptive window grows to, up to 100ms.',
  },
  'flush.events': {
    kind: count({ from: 1, to: 1_000_000 }, 'events'),
    default: 1_000,
    example: 10,
    help: 'Events that wait, at which they are written early.',
  },
  'flush.bytes': {
    kind: bytes({ from: 1, to: flushBytesLimit }),
    default: '64KiB',
    example: '1MiB',
    help: 'Size of the data that waits, likewise.',
  },
  heartbeat: {
    kind: duration(heartbeatRangeMs),
    default: '15s',
    example: '30s',
    help: 'Time between two beats of a stream.',
  },
  workers: {
    kind: count({ from: 1, to: workersMax }, 'processes'),
    default: 1,
    example: 4,
    help: 'Processes that serve the port together, to use all cores: 1 to 64, on one data directory.',
    more: 'With `memory:` there is one only.',
  },
  compression: {
    kind: flag,
    default: true,
    example: false,
    value: 'true|false',
    help: 'Compress streams (gzip) for clients that accept it.',
  },
  'delivery.eventsPerSecondMax': {
    kind: noneOr(rate(eventsPerSecondRange, 'events per second')),
    default: 'none',
    example: 100,
    help: 'Events per second of one stream; what is beyond comes later, or as delivery.rules say.',
  },
  'delivery.rules': {
    kind: {
      kind: 'list',
      max: rulesMax,
      entry: '{"pattern": "logs/**", "whenLagging": "drop"}',
      members: {
        pattern,
        whenLagging: {
          kind: { kind: 'choice', of: lagActions },
          isRequired: true,
          help: 'Late, only the newest of each key, not at all, or the end of the stream. A topic without a rule has delay.',
          example: 'conflate',
        },
      },
    },
    default: [],
    example: [{ pattern: 'prices/**', whenLagging: 'conflate' }],
    help: 'The events that a client that cannot keep up gets of each topic that matches.',
    more: 'Holds for every hub on the same data. A change at run time holds until this is edited.',
  },
  'presence.rules': {
    kind: {
      kind: 'list',
      max: presenceRulesMax,
      entry: '{"pattern": "rooms/*", "joins": true}',
      members: {
        pattern,
        joins: {
          kind: flag,
          isRequired: false,
          help: 'Tell the topic when the first stream of a user comes and when the last one has left.',
          example: true,
        },
      },
    },
    default: [],
    example: [{ pattern: 'rooms/*', joins: true }],
    help: 'Topics of which the hub knows who is there, for GET /presence/{topic}.',
    more: 'Holds for every hub on the same data. A change at run time holds until this is edited.',
  },
  stalledAfter: {
    kind: duration(stalledAfterRangeMs),
    default: '5m',
    example: '90s',
    help: 'A client that reads nothing for this long is sent away; it resumes when it comes back.',
  },
  maxSessions: {
    kind: count({ from: 1, to: 10_000_000 }, 'sessions'),
    default: 10_000,
    example: 50_000,
    help: 'Open streams of the hub; each worker takes its share.',
  },
  maxTopicSetsBytes: {
    kind: bytes({ from: topicSetsBytesMin, to: topicSetsBytesLimit }),
    default: formatSize(topicSetsBytesMax),
    example: '64MiB',
    help: 'Memory for the topics that open streams name, beyond 4 KiB each; each worker takes its share.',
  },
  maxEventBytes: {
    kind: bytes({ from: 1, to: eventBytesLimit }),
    default: '1MiB',
    example: '256KiB',
    help: "Size of one event's data.",
    more: 'It is at most `maxRequestBytes`.',
  },
  maxRequestBytes: {
    kind: bytes({ from: 1, to: bodyBytesLimit }),
    default: '8MiB',
    example: '16MiB',
    help: 'Size of one request body.',
    more: 'It is at least `maxEventBytes`.',
  },
  'retention.maxAge': {
    kind: duration({ from: 1_000, to: retentionAgeMsLimit }),
    default: '24h',
    example: '7d',
    help: 'Events older than this are removed.',
  },
  'retention.maxBytes': {
    kind: bytes({ from: 1024 ** 2, to: storageBytesLimit }),
    default: '1GiB',
    example: '10GiB',
    help: 'The oldest events are removed beyond this size.',
    more: 'It bounds all topics together, whatever their rules.',
  },
  'retention.rules': {
    kind: {
      kind: 'list',
      // Two are the hub's own.
      max: retentionRulesMax - 2,
      entry: '{"pattern": "logs/**", "maxEvents": 1000}',
      members: {
        pattern,
        maxAge: {
          kind: duration({ from: 1, to: retentionAgeMsLimit }),
          isRequired: false,
          help: 'Keeps what is younger. Default `retention.maxAge`.',
          example: '24h',
        },
        maxEvents: {
          kind: count({ from: 1, to: 1_000_000_000 }, 'events'),
          isRequired: false,
          help: 'Keeps the newest of each topic. Default: no bound.',
          example: 1_000,
        },
        maxBytes: {
          kind: bytes({ from: 1, to: storageBytesLimit }),
          isRequired: false,
          help: 'Keeps the newest of each topic that fit. Default: no bound.',
          example: '64MiB',
        },
        latestBy: {
          kind: { kind: 'choice', of: ['key'] },
          isRequired: false,
          help: 'Of events with the same key keeps only the newest. Default: all.',
          example: 'key',
        },
      },
    },
    default: [],
    example: [
      { pattern: 'chat/**', maxEvents: 1_000 },
      { pattern: 'prices/*', latestBy: 'key' },
    ],
    help: 'The events kept of each topic that matches.',
    more: 'All of `retention` holds for every hub on the same data: the hub started last with an edited configuration has its way. A change at run time holds until `retention` is edited.',
  },
  'tls.cert': {
    kind: { kind: 'path', names: 'a file in PEM' },
    default: '',
    example: 'cert.pem',
    help: 'Certificate in PEM, with those of its issuers: speaks HTTP/2 and HTTP/1.1 over TLS. Needs --tls-key.',
    needs: 'key',
  },
  'tls.key': {
    kind: { kind: 'path', names: 'a file in PEM' },
    default: '',
    example: 'key.pem',
    help: 'The private key of the certificate, in PEM without a passphrase.',
    more: 'Both files are read again when they change, and on SIGHUP.',
    needs: 'cert',
  },
  'tls.source': {
    kind: { kind: 'choice', of: ['files', 'self-signed'] },
    default: 'files',
    example: 'self-signed',
    flag: 'tls',
    help: 'Speak TLS with the certificate of --tls-cert and --tls-key, or with one that the hub signs itself, for development.',
  },
  'tls.hsts': {
    kind: flag,
    default: true,
    example: false,
    value: 'true|false',
    help: 'Tell browsers to ask by https only, for a year and subdomains too, with a certificate that others have signed.',
  },
  'tls.redirectPort': {
    kind: noneOr(count({ from: 0, to: 65_535 })),
    default: 'none',
    example: 80,
    value: '<port>',
    help: 'A port without TLS that redirects everybody to https; 0 takes a free one.',
  },
  ...accessRows,
  ...sessionRows,
  ...limitRows,
  ...ruleRows,
  ...webhookRows,
  insecure: {
    kind: flag,
    default: false,
    example: true,
    help: 'Listen beyond this machine without authentication, under any name: whoever reaches the port can read and publish. Web pages of other origins still cannot publish.',
  },
}

/** All settings, in the order of the help. */
export const settings: readonly Setting[] = Object.entries(rows).map(([name, row]) => ({
  ...row,
  name,
  path: name.split('.'),
}))
