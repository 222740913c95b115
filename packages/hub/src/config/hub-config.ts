// The configuration of a hub, as code sees it.

import type { LagRule } from '@tidemark/server'

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
  /** Speaks TLS, HTTP/2 and HTTP/1.1. Undefined: HTTP/1.1 without TLS. */
  readonly tls?: TlsConfig | undefined
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

/** TLS, by a certificate of files or one of the hub's own. */
export interface TlsConfig {
  readonly source: 'files' | 'self-signed'
  /** Paths; empty where the hub makes both. */
  readonly cert: string
  readonly key: string
  readonly hsts: boolean
  /** Answers there without TLS, and with redirects only. Undefined: nowhere. */
  readonly redirectPort?: number | undefined
}

/** The events kept of each topic that matches; see the log's `RetentionRule`. */
interface RuleConfig {
  readonly pattern: string
  /** Milliseconds. */
  readonly maxAge?: number | undefined
  readonly maxEvents?: number | undefined
  /** Bytes. */
  readonly maxBytes?: number | undefined
  readonly latestBy?: 'key' | undefined
}

/** The name of every setting, as in the file: `port`, `retention.maxAge`. */
export type SettingName = NamesOf<Required<HubConfig>>

type NamesOf<Config> = {
  [Name in keyof Config & string]: NonNullable<Config[Name]> extends readonly unknown[]
    ? Name
    : NonNullable<Config[Name]> extends object
      ? `${Name}.${keyof NonNullable<Config[Name]> & string}`
      : Name
}[keyof Config & string]
