// The LMDB log keeps the contract of every driver.

import { describeEventLog } from '@tidemark/testkit'
import { createLmdbHarness } from './lmdb-harness.ts'

describeEventLog('the LMDB log', () => createLmdbHarness(), { modelRuns: 10 })
