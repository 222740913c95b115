// The size of ledgers as a write transaction sees it. A batch must fit before any of it is added.

import type { LedgerRoom } from '@tidemark/log/driver'
import { decodeEnd } from '../tables/record-codec.ts'
import { latestKey, readSequence, sequenceKey } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'
import type { WriteView } from './write-view.ts'

export function createLedgerRoom({ records, latest }: Tables, view: WriteView): LedgerRoom {
  return {
    sizeOf: (topic) => view.findTopic(topic),
    weightOf(topic, key) {
      const stats = view.findTopic(topic)
      const newest = stats && latest.getBinary(latestKey(stats.id, key))
      const record = newest && records.getBinary(sequenceKey(readSequence(newest)))
      return record && decodeEnd(record).weight
    },
    countLedgers: () => view.listLedgers().length,
  }
}
