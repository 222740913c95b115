// The contract every log driver passes, run by each driver's own tests.

import { describe } from 'vitest'

import { describeAppend } from './append-contract.ts'
import { describeClose } from './close-contract.ts'
import { describeEnds, describeReopenedEnds, describeSharedEnds } from './ends-contract.ts'
import { describeExtras } from './extras-contract.ts'
import { describeReopen, describeSecondHandle } from './handles-contract.ts'
import { describeCondition } from './condition-contract.ts'
import { createOpenBench } from './harness.ts'
import type { EventLogHarness, OpenBench } from './harness.ts'
import { describeIdempotency } from './idempotency-contract.ts'
import { describeLedger, describeReopenedLedger } from './ledger-contract.ts'
import { describeLedgerModel } from './ledger-model-contract.ts'
import { describeLineage } from './lineage-contract.ts'
import { describeLoss } from './loss-contract.ts'
import { describeModel } from './model-contract.ts'
import { describeOddValues } from './odd-values-contract.ts'
import { describeRead } from './read-contract.ts'
import { describeRetention } from './retention-contract.ts'
import { describeReopenedRules, describeRules, describeSharedRules } from './rules-contract.ts'
import { describeSince } from './since-contract.ts'
import { describeTail } from './tail-contract.ts'

export interface ContractOptions {
  /** Random histories compared with the model. Default 40; fewer for drivers that wait for a disk. */
  readonly modelRuns?: number
}

/**
 * Declares the contract suite for one driver. Each test gets a harness of its own.
 *
 * @example
 * describeEventLog('the memory log', () => createMemoryHarness())
 */
export function describeEventLog(
  name: string,
  createHarness: () => EventLogHarness,
  options: ContractOptions = {},
): void {
  const { openSecond, reopen, copy } = readAbilities(createHarness())
  const parts: Record<string, (open: OpenBench) => void> = {
    append: describeAppend,
    read: describeRead,
    loss: describeLoss,
    retention: describeRetention,
    rules: describeRules,
    idempotency: describeIdempotency,
    tail: describeTail,
    since: describeSince,
    'odd values': describeOddValues,
    close: describeClose,
    ledger: describeLedger,
    condition: describeCondition,
    ends: describeEnds,
    extras: describeExtras,
    model: (open) => {
      describeModel(open, options.modelRuns ?? 40)
      describeLedgerModel(open, options.modelRuns ?? 40)
    },
    ...(openSecond
      ? {
          'second handle': describeSecondHandle,
          'shared rules': describeSharedRules,
          'shared ends': describeSharedEnds,
        }
      : {}),
    ...(reopen
      ? {
          reopen: describeReopen,
          'reopened ledger': describeReopenedLedger,
          'reopened rules': describeReopenedRules,
          'reopened ends': describeReopenedEnds,
        }
      : {}),
    ...(copy ? { lineage: describeLineage } : {}),
  }
  describe(`event log: ${name}`, () => {
    const open = createOpenBench(createHarness)
    for (const [subject, declareTests] of Object.entries(parts)) {
      describe(`contract of ${subject}`, () => {
        declareTests(open)
      })
    }
  })
}

function readAbilities(
  harness: EventLogHarness,
): Readonly<Record<'openSecond' | 'reopen' | 'copy', boolean>> {
  return {
    openSecond: harness.openSecond !== undefined,
    reopen: harness.reopen !== undefined,
    copy: harness.copy !== undefined,
  }
}
