// The contract every log driver passes, run by each driver's own tests.

import { describe } from 'vitest'

import { describeAppend } from './append-contract.ts'
import { describeClose } from './close-contract.ts'
import { describeReopen, describeSecondHandle } from './handles-contract.ts'
import { createOpenBench } from './harness.ts'
import type { EventLogHarness } from './harness.ts'
import { describeIdempotency } from './idempotency-contract.ts'
import { describeLoss } from './loss-contract.ts'
import { describeModel } from './model-contract.ts'
import { describeRead } from './read-contract.ts'
import { describeRetention } from './retention-contract.ts'
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
  describe(name, () => {
    const open = createOpenBench(createHarness)
    describe('append', () => describeAppend(open))
    describe('read', () => describeRead(open))
    describe('loss', () => describeLoss(open))
    describe('retention', () => describeRetention(open))
    describe('idempotency', () => describeIdempotency(open))
    describe('tail', () => describeTail(open))
    describe('since', () => describeSince(open))
    describe('close', () => describeClose(open))
    describe('model', () => describeModel(open, options.modelRuns ?? 40))
    const harness = createHarness()
    if (harness.openSecond !== undefined) describe('second handle', () => describeSecondHandle(open))
    if (harness.reopen !== undefined) describe('reopen', () => describeReopen(open))
  })
}
