// The log a configuration asks for, by its kind.

import { memoryLog } from '@tidemark/log'
import type { EventLog, Retention } from '@tidemark/log'
import { openLmdbLog } from '@tidemark/log-lmdb'
import type { SeenCommit } from '@tidemark/log-lmdb'
import type { HubConfig } from './config/hub-config.ts'
import { planLog } from './config/log-choice.ts'
import type { LogChoice } from './config/log-choice.ts'
import { toKeptRules } from './kept-rules.ts'
import type { LogAbilities } from './log-abilities.ts'

/** An open log, and what it can do beside what every log can. */
export interface HubLog {
  readonly log: EventLog
  readonly abilities: LogAbilities
}

/** The knowledge of the log that the workers of one hub share. */
export interface SharedLog {
  /**
   * Of a hub that serves already: the directory is not made anew for it, and no other is taken. See
   * `LmdbLogOptions.place`.
   */
  readonly place: string | undefined
  /** The newest commit its other workers have seen; see `LmdbLogOptions.seen`. */
  readonly seen: SeenCommit | undefined
  /** Told what this one has committed. */
  readonly onSeen: (seen: SeenCommit) => void
}

/** The options that a log of any kind is opened with. */
interface Opening {
  readonly retention: Retention
  readonly onWarning: (text: string) => void
  readonly shared: SharedLog | undefined
}

/** Opens the log that `data` names. */
export async function openLog(
  config: HubConfig,
  onWarning: (text: string) => void,
  shared?: SharedLog,
): Promise<HubLog> {
  const opening: Opening = { retention: planRetention(config), onWarning, shared }
  const choice = planLog(config)
  return choice.kind === 'memory' ? openMemory(opening) : await openLmdb(choice, opening)
}

function openMemory({ retention }: Opening): HubLog {
  const log = memoryLog({ retention })
  return { log, abilities: { warnings: log } }
}

async function openLmdb(
  { directory, durability }: Extract<LogChoice, { kind: 'lmdb' }>,
  { retention, onWarning, shared }: Opening,
): Promise<HubLog> {
  const log = await openLmdbLog({
    directory,
    durability,
    retention,
    place: shared?.place,
    seen: shared?.seen,
    onSeen: shared?.onSeen,
    onWarning,
  })
  // Once for all workers: the first of them opens a directory that has no place yet.
  if (shared?.place === undefined && log.retentionFrom === 'change')
    onWarning(describeChanged('Retention', 'retention'))
  return { log, abilities: { faults: log, warnings: log, commits: log, files: log } }
}

/** A remark for an operator who reads the configuration to find out what the hub does. */
export function describeChanged(what: string, setting: string): string {
  return `${what} was changed at run time and is not as configured here. It stays so until \`${setting}\` of the configuration is edited, which replaces it, or until it is changed again.`
}

function planRetention({ retention }: HubConfig): Retention {
  return {
    maxAgeMs: retention.maxAge,
    maxBytes: retention.maxBytes,
    rules: toKeptRules(retention.rules),
  }
}
