// The rules of retention among the rules of a node: the log itself keeps them and follows them.

import { changeRetention, formatCursor, LogError } from '@tidemark/log'
import type { EventLog, Retention, RetentionInForce, RetentionRule } from '@tidemark/log'
import { ServerError } from '../errors.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import type { RulesInForce } from './rule-kind.ts'

/** A log that says what it keeps, as those of Tidemark do. */
type KeepingLog = EventLog & {
  readonly retention: Retention
  readonly retentionFrom: RetentionInForce['from']
}

/** The events kept of each topic. `maxAgeMs` and `maxBytes` of the log as a whole stay as they are. */
export function followRetention(log: EventLog): RulesInForce<RetentionRule> {
  return {
    get list() {
      return requireKeeping(log).retention.rules
    },
    get from() {
      return requireKeeping(log).retentionFrom
    },
    replace: async (rules) => {
      const { retention } = requireKeeping(log)
      try {
        return formatCursor(await changeRetention(log, { ...retention, rules }))
      } catch (error) {
        if (error instanceof LogError && error.code === 'RETENTION_INVALID')
          throw new ServerError('RULE_INVALID', error.message, { cause: error })
        return wrapLogError(error)
      }
    },
  }
}

function requireKeeping(log: EventLog): KeepingLog {
  if ('retention' in log && 'retentionFrom' in log) return log as KeepingLog
  throw new ServerError(
    'OPTION_INVALID',
    'This log does not say what it keeps, so its retention is not changed here. Change it with the log itself.',
  )
}
