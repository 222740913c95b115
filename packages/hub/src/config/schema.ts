// The one schema of the hub's configuration: flags, variables and the file are all read by it.

import { parsePattern } from '@tidemark/log'
import {
  eventsPerSecondRange,
  flushWindowLimitMs,
  lagActions,
  lagRulesMax,
  stalledAfterRangeMs,
  topicSetsBytesMax,
  topicSetsBytesMin,
} from '@tidemark/server'
import type { LagRule } from '@tidemark/server'
import { z } from 'zod'
import { flushBytesLimit, workersMax } from '../limits.ts'
import { formatDuration, parseDuration, parseSize } from './units.ts'

const duration = (example: string) => unit(parseDuration, `a duration such as ${example}`)
const size = (example: string) => unit(parseSize, `a size such as ${example}`)

/** A number in the smallest unit, or text with a unit. */
function unit(parse: (text: string) => number | undefined, wanted: string): z.ZodType<number> {
  return z
    .union([z.number(), z.string()], { error: `must be ${wanted}` })
    .transform((value, context) => {
      const number = typeof value === 'number' ? value : parse(value)
      if (number !== undefined && number >= 0 && Number.isFinite(number)) return number
      context.addIssue({ code: 'custom', message: `must be ${wanted}` })
      return z.NEVER
    })
}

function count(from: number, to: number): z.ZodType<number> {
  const message = `must be a whole number from ${from} to ${to}`
  return z
    .union([z.number(), z.string().regex(/^\d+$/, { error: message })], { error: message })
    .transform(Number)
    .refine((value) => Number.isInteger(value) && value >= from && value <= to, { error: message })
}

function range(inner: z.ZodType<number>, from: number, wanted: string): z.ZodType<number> {
  return inner.refine((value) => value >= from, { error: `must be ${wanted} or more` })
}

interface Range {
  readonly from: number
  readonly to: number
}

/** A duration, from and to included. */
function durationBetween(example: string, range: Range): z.ZodType<number> {
  return duration(example).refine((value) => isWithin(value, range), {
    error: `must be from ${formatDuration(range.from)} to ${formatDuration(range.to)}`,
  })
}

/** Beats more than an hour apart keep no proxy from cutting a stream, and timers end at 24.8 days. */
const heartbeat = durationBetween('15s', { from: 100, to: 3_600_000 })

const stalledAfter = durationBetween('5m', stalledAfterRangeMs)

const windowRange: Range = { from: 0, to: flushWindowLimitMs }
const windowWanted = `must be adaptive, or a duration from 0ms to ${flushWindowLimitMs}ms`

const flushWindow = z
  .union([z.literal('adaptive'), z.number(), z.string()], { error: windowWanted })
  .transform((value, context): 'adaptive' | number => {
    if (value === 'adaptive') return value
    const window = durationBetween('10ms', windowRange).safeParse(value)
    if (window.success) return window.data
    context.addIssue({ code: 'custom', message: windowWanted })
    return z.NEVER
  })

const flushBytes = size('64KiB').refine((value) => value >= 1 && value <= flushBytesLimit, {
  error: `must be from 1B to ${flushBytesLimit / 1024 ** 2}MiB`,
})

const topicSetsBytes = range(
  size('256MiB'),
  topicSetsBytesMin,
  `${topicSetsBytesMin / 1024 ** 2}MiB`,
)

const rateWanted = `must be none, or a number from ${eventsPerSecondRange.from} to ${eventsPerSecondRange.to}`

const eventsPerSecondMax = z
  .union([z.literal('none'), z.number(), z.string().regex(/^\d+$/, { error: rateWanted })], {
    error: rateWanted,
  })
  .transform((value) => (value === 'none' ? undefined : Number(value)))
  .refine((value) => value === undefined || isWithin(value, eventsPerSecondRange), {
    error: rateWanted,
  })

/** A switch, as a boolean in the file and as a word elsewhere. */
function flag(): z.ZodType<boolean> {
  return z
    .union([z.boolean(), z.enum(['true', 'false'])], { error: 'must be true or false' })
    .transform((value) => value === true || value === 'true')
}

function text(wanted: string): z.ZodType<string> {
  return z.string({ error: wanted }).min(1, { error: wanted })
}

/** Settings under one name. */
function section<Shape extends z.ZodRawShape>(
  shape: Shape,
  example: string,
): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, { error: `must be an object such as ${example}` })
}

const pattern = z
  .string({ error: 'must be a topic or a pattern such as logs/**' })
  .refine(isPatternOrTopic, { error: 'must be a topic or a pattern such as logs/**' })

const ruleExample = '{"pattern": "logs/**", "maxEvents": 1000}'

const rule = section(
  {
    pattern,
    maxAge: duration('24h').optional(),
    maxEvents: count(1, 1_000_000_000).optional(),
    maxBytes: size('64MiB').optional(),
    latestBy: z.literal('key', { error: 'must be "key"' }).optional(),
  },
  ruleExample,
)

const deliveryRuleExample = '{"pattern": "logs/**", "whenLagging": "drop"}'

const deliveryRule = section(
  { pattern, whenLagging: z.enum(lagActions, { error: `must be ${lagActions.join(', ')}` }) },
  deliveryRuleExample,
)

/** What is kept of each topic that matches; see the log's `RetentionRule`. */
interface RuleConfig {
  readonly pattern: string
  /** Milliseconds. */
  readonly maxAge?: number | undefined
  readonly maxEvents?: number | undefined
  /** Bytes. */
  readonly maxBytes?: number | undefined
  readonly latestBy?: 'key' | undefined
}

const tls = section(
  {
    cert: z.string({ error: 'must be a file in PEM' }).default(''),
    key: z.string({ error: 'must be a file in PEM' }).default(''),
  },
  '{"cert": "cert.pem", "key": "key.pem"}',
)
  .refine(({ cert, key }) => (cert === '') === (key === ''), {
    error: 'must name both, cert and key, or neither',
  })
  .transform((files) => (files.cert === '' ? undefined : files))

/** The configuration, checked, every default filled in. Durations are milliseconds, sizes bytes. */
export interface HubConfig {
  readonly host: string
  readonly port: number
  /** A directory, or `memory:`. */
  readonly data: string
  readonly durability: 'fsync' | 'commit'
  readonly heartbeat: number
  readonly stalledAfter: number
  /** Processes on the one port. */
  readonly workers: number
  /** Of the whole hub. */
  readonly maxSessions: number
  /** Of the topic sets of all sessions, of the whole hub. */
  readonly maxTopicSetsBytes: number
  readonly maxEventBytes: number
  readonly maxRequestBytes: number
  readonly compression: boolean
  /** Speaks TLS, HTTP/2 and HTTP/1.1, with this certificate and key. Undefined: HTTP/1.1 without TLS. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
  readonly insecure: boolean
  readonly flush: {
    readonly window: 'adaptive' | number
    readonly windowMax: number
    readonly events: number
    readonly bytes: number
  }
  readonly delivery: {
    /** Of one stream; undefined: no bound. */
    readonly eventsPerSecondMax?: number | undefined
    readonly rules: readonly LagRule[]
  }
  readonly retention: {
    readonly maxAge: number
    readonly maxBytes: number
    readonly rules: readonly RuleConfig[]
  }
}

const settings = z
  .strictObject({
    host: text('must be an address to listen on').default('127.0.0.1'),
    port: count(0, 65_535).default(7070),
    data: text('must be a directory, or memory:').default('./tidemark-data'),
    durability: z.enum(['fsync', 'commit'], { error: 'must be fsync or commit' }).default('fsync'),
    heartbeat: heartbeat.default(15_000),
    workers: count(1, workersMax).default(1),
    stalledAfter: stalledAfter.default(5 * 60_000),
    maxSessions: count(1, 10_000_000).default(10_000),
    maxTopicSetsBytes: topicSetsBytes.default(topicSetsBytesMax),
    maxEventBytes: range(size('1MiB'), 1, '1B').default(1024 * 1024),
    maxRequestBytes: range(size('8MiB'), 1, '1B').default(8 * 1024 * 1024),
    flush: section(
      {
        window: flushWindow.default('adaptive'),
        windowMax: durationBetween('20ms', windowRange).default(20),
        events: count(1, 1_000_000).default(1_000),
        bytes: flushBytes.default(64 * 1024),
      },
      '{"window": "10ms"}',
    ).prefault({}),
    delivery: section(
      {
        eventsPerSecondMax: eventsPerSecondMax.prefault('none'),
        rules: z
          .array(deliveryRule, {
            error: `must be a list of at most ${lagRulesMax} rules such as ${deliveryRuleExample}`,
          })
          .max(lagRulesMax)
          .default([]),
      },
      '{"eventsPerSecondMax": 100}',
    ).prefault({}),
    tls: tls.prefault({}),
    compression: flag().default(true),
    insecure: flag().default(false),
    retention: section(
      {
        maxAge: range(duration('24h'), 1_000, '1s').default(24 * 60 * 60 * 1000),
        maxBytes: range(size('1GiB'), 1024 * 1024, '1MiB').default(1024 ** 3),
        rules: z
          .array(rule, { error: `must be a list of rules such as ${ruleExample}` })
          .default([]),
      },
      '{"maxAge": "7d"}',
    ).prefault({}),
  })
  .refine(({ maxEventBytes, maxRequestBytes }) => maxEventBytes <= maxRequestBytes, {
    path: ['maxRequestBytes'],
    error: 'must be as large as maxEventBytes at least, so that the largest event can be sent',
  })
  .refine(({ workers, data }) => workers === 1 || data !== 'memory:', {
    path: ['workers'],
    error:
      'must be 1 with data memory:, because a log in the memory of one process cannot be shared (give data a directory, or leave workers out)',
  })

/** The shape of `tidemark.config.json`. */
export const configSchema: z.ZodType<HubConfig> = settings

/** The names that may stand at a place of the file, for "did you mean". */
export function listSettingNames(path: readonly PropertyKey[]): readonly string[] {
  if (path[0] === 'delivery') {
    return path.length === 1 ? ['eventsPerSecondMax', 'rules'] : Object.keys(deliveryRule.shape)
  }
  if (path[0] === 'tls') return ['cert', 'key']
  if (path[0] === 'flush') return ['window', 'windowMax', 'events', 'bytes']
  if (path[0] !== 'retention') return Object.keys(settings.shape)
  return path.length === 1 ? ['maxAge', 'maxBytes', 'rules'] : Object.keys(rule.shape)
}

function isWithin(value: number, { from, to }: Range): boolean {
  return value >= from && value <= to
}

function isPatternOrTopic(text: string): boolean {
  try {
    parsePattern(text.includes('*') ? text : `${text}/**`)
    return true
  } catch {
    return false
  }
}
