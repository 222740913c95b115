// The log a configuration asks for.

import { memoryLog } from '@tidemark/log'
import type { EventLog, Retention } from '@tidemark/log'
import { openLmdbLog } from '@tidemark/log-lmdb'
import type { Seen } from '@tidemark/log-lmdb'
import type { HubConfig } from './config/schema.ts'

/** What the hub needs to know of its log beside what every log can do. */
export interface HubLog extends EventLog {
  /** See `LmdbEventLog.isStuck`; memory never is. */
  readonly isStuck?: boolean
  /** See `LmdbEventLog.commits`. */
  readonly commits?: number
  /** See `LmdbEventLog.place`. */
  readonly place?: string
  /** See `LmdbEventLog.seen`. */
  readonly seen?: Seen
  /** See `LmdbEventLog.fault`; memory never has one. */
  readonly fault?: Error | undefined
  /** See `LmdbEventLog.warnings` and `MemoryEventLog.warnings`. */
  readonly warnings?: readonly string[]
}

/** What the workers of one hub know of its log. */
export interface SharedLog {
  /** Of a hub that serves already: the directory is not made anew for it, and no other is taken. See `LmdbLogOptions.place`. */
  readonly place: string | undefined
  /** What its other workers have seen; see `LmdbLogOptions.seen`. */
  readonly seen: Seen | undefined
  /** Told what this one has committed. */
  readonly onSeen: (seen: Seen) => void
}

/** Opens `memory:` or the LMDB directory. */
export async function openLog(
  config: HubConfig,
  onWarning: (text: string) => void,
  shared?: SharedLog,
): Promise<HubLog> {
  const retention = planRetention(config)
  if (config.data === 'memory:') return memoryLog({ retention })
  return openLmdbLog({
    directory: config.data,
    durability: config.durability,
    retention,
    place: shared?.place,
    seen: shared?.seen,
    onSeen: shared?.onSeen,
    onWarning,
  })
}

function planRetention({ retention }: HubConfig): Retention {
  return {
    maxAgeMs: retention.maxAge,
    maxBytes: retention.maxBytes,
    rules: [
      ...retention.rules.map((rule) => ({
        pattern: rule.pattern,
        maxAgeMs: rule.maxAge,
        maxEvents: rule.maxEvents,
        maxBytes: rule.maxBytes,
        latestBy: rule.latestBy,
      })),
      // The hub's own events are signals, not history: a readiness probe every second must not crowd out anything.
      { pattern: '$hub/**', maxEvents: 100 },
    ],
  }
}
