// Settings that are fine each by itself, and contradict each other.

import { findAccessConflicts } from './access-conflicts.ts'
import { findSessionConflicts } from './session-conflicts.ts'
import type { Fault } from './fault.ts'
import type { HubConfig } from './hub-config.ts'
import { findIdleSettings } from './idle-conflicts.ts'
import { findLimitConflicts } from './limit-conflicts.ts'
import { isMemory } from './log-choice.ts'
import { formatSize } from './units.ts'
import { findWebhookConflicts } from './webhook-conflicts.ts'

/** One fault for each contradiction, at the setting that is to be changed. */
export function findConflicts(config: HubConfig): readonly Fault[] {
  const { maxEventBytes, maxRequestBytes, workers, data } = config
  const faults: Fault[] = [
    ...findAccessConflicts(config),
    ...findSessionConflicts(config),
    ...findLimitConflicts(config),
    ...findWebhookConflicts(config),
    ...findIdleSettings(config),
  ]
  if (maxEventBytes > maxRequestBytes) {
    faults.push({
      kind: 'unfit',
      path: ['maxRequestBytes'],
      wanted: 'must be as large as maxEventBytes at least, so that the largest event can be sent',
      got: maxRequestBytes,
      shown: formatSize(maxRequestBytes),
    })
  }
  if (workers > 1 && isMemory(data)) {
    faults.push({
      kind: 'unfit',
      path: ['workers'],
      wanted:
        'must be 1 with data memory:, because a log in the memory of one process cannot be shared (give data a directory, or leave workers out)',
      got: workers,
    })
  }
  return faults
}
