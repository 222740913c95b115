// Products of limits in the logs, the codec, the client and the command line.

import { KiB, MiB } from './product.ts'
import type { Product } from './product.ts'

const bounds = 'packages/log/test/memory-bounds.test.ts'

/** What retention keeps unless it is told otherwise. */
const maxBytes = 1024 * MiB

export const otherProducts: readonly Product[] = [
  {
    what: 'pages of a data file that is looked through, and its newest values per key',
    limits: ['log-lmdb.cachedStretchesMax', 'log-lmdb.stretchBytes', 'log-lmdb.latestCheckedMax'],
    worstCase: (look) =>
      look('log-lmdb.cachedStretchesMax') * look('log-lmdb.stretchBytes') +
      look('log-lmdb.latestCheckedMax') * 50,
    boundedBy:
      'the number of stretches that are kept, of one look at a time; beyond 4 million values per key the rest is not compared',
    filledBy: {
      file: 'packages/log-lmdb/test/walk-memory.test.ts',
      name: 'a file of any size is looked through with 16 MiB of its pages in memory',
    },
  },
  {
    what: 'records of the memory log × a topic of many segments for each',
    limits: [
      'log.recordOverheadBytes',
      'log.topicOverheadBytes',
      'log.topicSegmentBytes',
      'log.eventKeyLengthMax',
      'log.eventTypeLengthMax',
    ],
    factors: (look) =>
      (maxBytes / (look('log.recordOverheadBytes') + look('log.topicBytesMax'))) *
      look('log.topicSegmentsMax') *
      look('log.topicSegmentBytes'),
    worstCase: () => 2 * maxBytes,
    boundedBy:
      '`retention.maxBytes`, topics included; twice where a character needs two bytes in memory',
    filledBy: {
      file: bounds,
      name: 'a topic of many segments for each event takes no more memory than maxBytes, its tree included',
    },
  },
  {
    what: 'emptied topics × their segments',
    limits: ['log.emptyTopicsMax', 'log.emptyTopicBytesMax'],
    factors: (look) =>
      look('log.emptyTopicsMax') * look('log.topicSegmentsMax') * look('log.topicSegmentBytes'),
    worstCase: (look) => look('log.emptyTopicBytesMax'),
    boundedBy: 'number and bytes; older marks become one',
    filledBy: {
      file: bounds,
      name: 'emptied topics of many segments are remembered up to a size, not only up to a number',
    },
  },
  {
    what: 'idempotency keys × their length',
    limits: [
      'log.idempotencyKeyLengthMax',
      'log.idempotencyBytesMin',
      'log.idempotencyShare',
      'log.idempotencyOverheadBytes',
      'log.idempotencyAgeMaxMs',
    ],
    worstCase: (look) =>
      Math.max(look('log.idempotencyBytesMin'), look('log.idempotencyShare') * maxBytes),
    boundedBy: 'an eighth of `retention.maxBytes`, 4 MiB at least; the oldest are forgotten',
    filledBy: {
      file: bounds,
      name: 'idempotency keys beyond their share of memory are forgotten, the oldest first',
    },
  },
  {
    what: 'topics × retention rules',
    limits: ['log.retentionRulesMax', 'log.ruleCacheMax'],
    worstCase: (look) =>
      look('log.ruleCacheMax') * (100 + look('log.topicBytesMax')) +
      look('log.retentionRulesMax') * KiB,
    boundedBy: 'remembered topics; then all are forgotten',
    filledBy: {
      file: bounds,
      name: 'more topics than rules are remembered for get their rule all the same, and are forgotten again',
    },
  },
  {
    what: 'write transactions of the LMDB log × what one takes from the queue',
    limits: ['log-lmdb.groupDataMax', 'log-lmdb.groupEventsMax'],
    worstCase: (look) => 6 * look('log-lmdb.groupDataMax'),
    boundedBy: 'one transaction at a time; what waits for it counts as bodies of the hub',
    filledBy: {
      file: 'packages/log-lmdb/test/append-queue.test.ts',
      name: 'a group takes no more events or data than one transaction may',
    },
  },
  {
    what: 'topics that an append left overfull × their names',
    limits: ['log-lmdb.overfullMax'],
    worstCase: (look) => look('log-lmdb.overfullMax') * 300,
    boundedBy: 'their number; for more all topics are looked at',
    filledBy: {
      file: 'packages/log-lmdb/test/retention-sweep.test.ts',
      name: 'a batch that fills more topics than are remembered is trimmed all the same',
    },
  },
  {
    what: 'one decoder × an event and a line in progress, in parts',
    limits: ['wire.eventBytesMaxDefault', 'wire.fieldsMax', 'wire.partsMax', 'wire.smallPartMax'],
    worstCase: (look) => 4 * look('wire.eventBytesMaxDefault') + 40 * MiB,
    boundedBy: '`eventBytesMax` of a decoder; one per stream that the application opens',
    filledBy: {
      file: 'packages/wire/test/decoder.test.ts',
      name: 'the default is 16 MiB',
    },
  },
  {
    what: 'events waiting for a slow iterator × what each costs',
    limits: [
      'client.queueCostMax',
      'client.queueItemCost',
      'client.sliceBytesMax',
      'client.problemBytesMax',
      'client.urlLengthMax',
    ],
    worstCase: (look) => 2 * look('client.queueCostMax') + 2 * look('wire.eventBytesMaxDefault'),
    boundedBy: 'reading pauses; one per feed that the application opens',
    filledBy: {
      file: 'packages/client/test/feed.test.ts',
      name: 'a server that writes without end is held back by a slow loop',
    },
  },
  {
    what: 'one publish × its acknowledgement, 2 bytes per character',
    limits: ['client.acknowledgementBytesMax'],
    worstCase: (look) => 2 * look('client.acknowledgementBytesMax'),
    boundedBy:
      'the rest of the answer is left unread; one per publish that the application has under way',
    filledBy: {
      file: 'packages/client/test/publisher.test.ts',
      name: 'an endless answer that begins as %s does not fill the memory of a publisher',
    },
  },
  {
    what: 'lines of `tidemark publish` × their length, escaped',
    limits: [
      'cli.batchLinesMax',
      'cli.batchBytesMax',
      'cli.waitingLinesMax',
      'cli.waitingBytesMax',
      'cli.inputBytesMax',
      'cli.shownDataMax',
    ],
    worstCase: (look) =>
      2 * look('cli.waitingBytesMax') +
      6 * look('cli.batchBytesMax') +
      7 * look('cli.inputBytesMax'),
    boundedBy: 'reading pauses',
    filledBy: {
      file: 'packages/cli/test/line-batches.test.ts',
      name: 'reading pauses while enough waits, and goes on when it was taken',
    },
  },
  {
    what: 'streams of `tidemark bench` × what each remembers',
    limits: [
      'cli-bench.connectionsRange.max',
      'cli-bench.holesMax',
      'cli-bench.publishesInFlightMax',
      'cli-bench.publishBytesInFlightMax',
      'cli-bench.payloadRange.max',
      'cli-bench.readBytesMax',
      'cli-bench.headBytesMax',
      'cli-bench.refusalBytesMax',
      'cli-bench.reasonsMax',
      'cli-bench.failedPublishesMax',
    ],
    worstCase: (look) =>
      look('cli-bench.connectionsRange.max') * (6 * KiB + 16 * look('cli-bench.holesMax')) +
      look('cli-bench.publishBytesInFlightMax'),
    boundedBy: 'the product: an operator’s own tool, against a server that loses everywhere',
    filledBy: {
      file: 'packages/cli/test/bench-parts.test.ts',
      name: 'a stream remembers a bounded number of holes, and still counts everything that is missing',
    },
  },
]
