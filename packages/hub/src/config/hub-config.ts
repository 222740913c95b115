// The configuration of a hub, as code sees it.

import type {
  CompressionRule,
  LagRule,
  PresenceRule,
  RateRule,
  StartRule,
  SubscriberRule,
} from '@tidemark/server'

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
  /** Says who may come in. Without keys and anything for visitors: everybody on this machine. */
  readonly auth: AuthConfig
  /** The topics of visitors without a token. */
  readonly anonymous: {
    readonly subscribe: readonly string[]
    readonly publish: readonly string[]
  }
  /** Pages of other origins. */
  readonly cors: {
    /** `https://app.example.org`, `https://*.example.org` or `*`. */
    readonly origins: readonly string[]
    readonly credentials: boolean
  }
  /** The cookie that `POST /session` hands out. */
  readonly cookie: {
    readonly secure: boolean
    readonly sameSite: 'Lax' | 'None' | 'Strict'
    /** An empty text: the host alone that set it. */
    readonly domain: string
    readonly path: string
    /** Undefined: as long as its token. */
    readonly maxAge?: number | undefined
  }
  readonly revocation: {
    /** Claims by which tokens can be revoked, beside those that always are. */
    readonly claims: readonly string[]
    /** The longest life of a token. */
    readonly tokenLife: number
    /** The longest that a ticket lets its stream come back. */
    readonly ticketLife: number
  }
  /** How many, and how often. An undefined member has no bound. Durations are milliseconds. */
  readonly limits: LimitConfig
  /** Which addresses, and what is known of them. */
  readonly addresses: {
    readonly allow: readonly string[]
    readonly deny: readonly string[]
    readonly trustProxy: readonly string[]
    readonly proxyHeader: 'forwarded' | 'x-forwarded-for'
    readonly banAfter: number | 'none'
    readonly banFor: number
  }
  /** The ways to treat requests that break a rule. */
  readonly requests: {
    readonly headers: 'log' | 'off' | 'refuse'
    readonly userAgent: 'log' | 'off' | 'refuse'
  }
  readonly webhooks: readonly WebhookConfig[]
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
  /** Rules for topics of further kinds. */
  readonly rules: {
    readonly compression: readonly CompressionRule[]
    readonly rate: readonly RateRule[]
    readonly startAt: readonly StartRule[]
    readonly subscribers: readonly SubscriberRule[]
  }
  readonly presence: {
    readonly rules: readonly PresenceRule[]
  }
  readonly retention: {
    readonly maxAge: number
    readonly maxBytes: number
    readonly rules: readonly RuleConfig[]
  }
}

/** See `webhook-settings.ts`. */
export interface WebhookConfig {
  readonly id: string
  readonly url: string
  /** The secret, or `@` and a file. */
  readonly secret: string
  readonly pattern?: string | undefined
  readonly events?:
    | readonly (
        | 'event'
        | 'session.connected'
        | 'session.disconnected'
        | 'topic.occupied'
        | 'topic.vacated'
      )[]
    | undefined
  readonly allowPrivate?: boolean | undefined
}

/** See `limit-settings.ts`. */
interface LimitConfig {
  readonly sessionsPerUser: number | 'none'
  readonly atUserLimit: 'reject' | 'replace'
  readonly sessionsPerAddress?: number | undefined
  readonly maxSessionAge?: number | undefined
  readonly streamsPerAddress?: number | undefined
  readonly streamsWindow: number
  readonly slowDownAfter?: number | undefined
  readonly publishesPerUser?: number | undefined
  readonly publishesWindow: number
}

/** Tokens, and the keys they are checked with. An empty text is none. */
export interface AuthConfig extends IssuerKey {
  readonly issuer: string
  readonly audience: readonly string[]
  readonly algorithms: readonly Algorithm[]
  /** Several issuers, each with its own key. */
  readonly issuers: readonly IssuerConfig[]
  readonly claims: Readonly<Partial<Record<ClaimUse, string>>>
  /** The permissions that the words of `claims.permissions` stand for; none: each is one itself. */
  readonly roles: readonly RoleConfig[]
  /** Milliseconds. */
  readonly clockTolerance: number
  readonly sources: readonly TokenPlace[]
  readonly cookie: string
  readonly withoutClaim: readonly string[]
  /** The URL that clients know the hub by. */
  readonly resource: string
}

/** The key of an issuer; an empty text is none. */
interface IssuerKey {
  /** The secret, or `@` and a file. */
  readonly secret: string
  /** A URL or a file. */
  readonly jwks: string
  /** A file. */
  readonly publicKey: string
}

/** One issuer of several. */
export interface IssuerConfig extends Partial<IssuerKey> {
  readonly issuer: string
  readonly audience?: readonly string[] | undefined
  readonly algorithms?: readonly Algorithm[] | undefined
}

/** A word that tokens say, and the permissions that it stands for. */
interface RoleConfig {
  readonly role: string
  readonly permissions: readonly string[]
}

/** The parts of a grant that a claim of another name may give. */
type ClaimUse = 'grant' | 'permissions' | 'user'

/** Where a token is looked for. */
type TokenPlace = 'bearer' | 'cookie' | 'query'

/** A signature (RFC 7518, RFC 8037). */
type Algorithm = 'EdDSA' | `${'ES' | 'HS' | 'PS' | 'RS'}${'256' | '384' | '512'}`

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
export interface RuleConfig {
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
