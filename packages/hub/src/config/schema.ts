// The one schema of the hub's configuration: flags, variables and the file are all read by it.

import { parsePattern } from '@tidemark/log'
import { lagActions } from '@tidemark/server'
import type { LagRule } from '@tidemark/server'
import { z } from 'zod'
import { workersMax } from '../limits.ts'
import { parseDuration, parseSize } from './units.ts'

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

/** Beats more than an hour apart keep no proxy from cutting a stream, and timers end at 24.8 days. */
const heartbeat = duration('15s').refine((value) => value >= 100 && value <= 3_600_000, {
  error: 'must be from 100ms to 1h',
})

/** The longest window the engine takes, in milliseconds. */
const windowMaxMs = 100

const isWindow = (value: number): boolean => value <= windowMaxMs

const flushWindow = z
  .union([z.literal('adaptive'), duration('10ms')], {
    error: 'must be adaptive, or a duration from 0ms to 100ms',
  })
  .refine((value) => value === 'adaptive' || isWindow(value), {
    error: 'must be adaptive, or a duration from 0ms to 100ms',
  })

const stalledAfter = duration('5m').refine((value) => value >= 100 && value <= 86_400_000, {
  error: 'must be from 100ms to 24h',
})

const eventsPerSecondMax = z
  .union([z.literal('none'), z.number(), z.string()])
  .transform((value) => (value === 'none' ? undefined : Number(value)))
  .refine((value) => value === undefined || (value >= 1 && value <= 1_000_000), {
    error: 'must be none, or a number from 1 to 1000000',
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

const rule = z.strictObject({
  pattern: z
    .string()
    .refine(isPatternOrTopic, { error: 'must be a topic or a pattern such as logs/**' }),
  maxAge: duration('24h').optional(),
  maxEvents: count(1, 1_000_000_000).optional(),
  maxBytes: size('64MiB').optional(),
  latestBy: z.literal('key', { error: 'must be "key"' }).optional(),
})

const deliveryRule = z.strictObject({
  pattern: z
    .string({ error: 'must be a topic or a pattern such as logs/**' })
    .refine(isPatternOrTopic, { error: 'must be a topic or a pattern such as logs/**' }),
  whenLagging: z.enum(lagActions, { error: `must be ${lagActions.join(', ')}` }),
})

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

const tls = z
  .strictObject({
    cert: z.string({ error: 'must be a file in PEM' }).default(''),
    key: z.string({ error: 'must be a file in PEM' }).default(''),
  })
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
    maxEventBytes: range(size('1MiB'), 1, '1B').default(1024 * 1024),
    maxRequestBytes: range(size('8MiB'), 1, '1B').default(8 * 1024 * 1024),
    flush: z
      .strictObject({
        window: flushWindow.default('adaptive'),
        windowMax: duration('20ms')
          .refine(isWindow, { error: 'must be from 0ms to 100ms' })
          .default(20),
        events: count(1, 1_000_000).default(1_000),
        bytes: range(size('64KiB'), 1, '1B').default(64 * 1024),
      })
      .prefault({}),
    delivery: z
      .strictObject({
        eventsPerSecondMax: eventsPerSecondMax.prefault('none'),
        rules: z.array(deliveryRule).max(1_000, { error: 'may hold 1,000 rules' }).default([]),
      })
      .prefault({}),
    tls: tls.prefault({}),
    compression: flag().default(true),
    insecure: flag().default(false),
    retention: z
      .strictObject({
        maxAge: range(duration('24h'), 1_000, '1s').default(24 * 60 * 60 * 1000),
        maxBytes: range(size('1GiB'), 1024 * 1024, '1MiB').default(1024 ** 3),
        rules: z.array(rule).default([]),
      })
      .prefault({}),
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

function isPatternOrTopic(text: string): boolean {
  try {
    parsePattern(text.includes('*') ? text : `${text}/**`)
    return true
  } catch {
    return false
  }
}
