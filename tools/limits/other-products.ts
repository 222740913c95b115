// Products of limits in the logs, the codec, the client and the command line.

import { KiB, MiB } from './product.ts'
import type { Product } from './product.ts'

const bounds = 'packages/log/test/memory-bounds.test.ts'

/** The largest publish of a hub, by default. */
const requestBytesMax = 8 * MiB

/** The bytes that retention keeps, by default. */
const maxBytes = 1024 * MiB

export const otherProducts: readonly Product[] = [
  {
    what: 'issuers of tokens × their keys',
    limits: ['access.issuersMax', 'access.keySetKeysMax'],
    worstCase: (look) => look('access.issuersMax') * look('access.keySetKeysMax') * 2 * KiB,
    boundedBy: 'the numbers of issuers and of the keys of each; a larger set is not read',
    filledBy: {
      file: 'packages/access/test/key-url.test.ts',
      name: 'an issuer that %s stops the start, with the option and the way out',
    },
  },
  {
    what: 'tokens whose signatures are known to be good',
    limits: ['access.knownTokenCharactersMax', 'access.knownTokenCharactersEach'],
    worstCase: (look) => 6 * look('access.knownTokenCharactersMax'),
    boundedBy:
      'their characters, with the claims and the grant of each; the half that was used longest ago goes',
    filledBy: {
      file: 'packages/access/test/known-tokens.test.ts',
      name: 'however many tokens come, those that are known take no more than their bound, the newest stay',
    },
  },
  {
    what: 'heads, and lists of topics, that many tokens have alike',
    limits: [
      'access.headCharactersMax',
      'access.headsCharactersMax',
      'access.sharedListCharactersMax',
      'access.sharedListsCharactersMax',
    ],
    worstCase: (look) =>
      10 * look('access.headsCharactersMax') + 100 * look('access.sharedListsCharactersMax'),
    boundedBy: 'their characters; the half that was used longest ago goes',
    filledBy: {
      file: 'packages/access/test/parsed-list.test.ts',
      name: 'however many lists come, those that are shared take no more than their bound',
    },
  },
  {
    what: 'sessions × what a token leaves with each',
    limits: [
      'access.tokenCharactersMax',
      'access.userCharactersMax',
      'access.keptClaimCharactersMax',
      'access.keptClaimsCharactersMax',
      'access.revocableClaimsMax',
      'access.permissionsMax',
      'access.permissionCharactersMax',
    ],
    factors: (look) =>
      look('server.sessionsMax') *
      (look('access.userCharactersMax') +
        2 * look('access.keptClaimsCharactersMax') +
        look('access.permissionsMax') * look('access.permissionCharactersMax')) *
      2,
    worstCase: (look) => look('server.sessionsMax') * look('access.tokenCharactersMax') * 2,
    boundedBy: 'the token: it has 8 KiB, and what a grant may hold is bounded as well',
    filledBy: {
      file: 'packages/access/test/claims-grant.test.ts',
      name: 'a token with %s is refused, and is no fault of the server',
    },
  },
  {
    what: 'credentials whose tickets are counted × their names',
    limits: ['access.countedNamesMax'],
    worstCase: (look) => look('access.countedNamesMax') * KiB,
    boundedBy: 'the number of names; the count of the oldest is forgotten',
    filledBy: {
      file: 'packages/access/test/tickets.test.ts',
      name: 'the names of credentials are counted up to a number of them',
    },
  },
  {
    what: 'pages of a data file that is looked through, and its newest values per key',
    limits: ['log-lmdb.cachedChunksMax', 'log-lmdb.chunkBytes', 'log-lmdb.latestCheckedMax'],
    worstCase: (look) =>
      look('log-lmdb.cachedChunksMax') * look('log-lmdb.chunkBytes') +
      look('log-lmdb.latestCheckedMax') * 50,
    boundedBy:
      'the number of chunks that are kept, of one look at a time; beyond 4 million values per key the rest is not compared',
    filledBy: {
      file: 'packages/log-lmdb/test/walk-memory.test.ts',
      name: 'newest values per key take 50 bytes each while a file is checked, up to a number',
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
    what: 'records of the memory log × their tags',
    limits: [
      'log.eventTagsMax',
      'log.tagNameLengthMax',
      'log.tagValueLengthMax',
      'log.eventPermissionLengthMax',
      'log.extrasOverheadBytes',
      'log.tagOverheadBytes',
    ],
    factors: (look) =>
      (maxBytes / look('log.recordOverheadBytes')) *
      look('log.eventTagsMax') *
      (look('log.tagOverheadBytes') +
        2 * (look('log.tagNameLengthMax') + look('log.tagValueLengthMax'))),
    worstCase: () => 2 * maxBytes,
    boundedBy: '`retention.maxBytes`, which counts them; twice where a character needs two bytes',
    filledBy: {
      file: bounds,
      name: 'events with as many tags as there may be, of names that differ, take no more memory than maxBytes',
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
      'log.idempotencyEntryBytes',
      'log.idempotencyAgeMaxMs',
    ],
    worstCase: (look) =>
      Math.max(look('log.idempotencyBytesMin'), look('log.idempotencyShare') * maxBytes),
    boundedBy: 'an eighth of `retention.maxBytes`, 4 MiB at least; the oldest are forgotten',
    filledBy: {
      file: bounds,
      name: 'idempotency keys of %d characters take no more memory than their share',
    },
  },
  {
    what: 'ledgers × what one holds',
    limits: [
      'log.ledgersMax',
      'log.ledgerBytesMax',
      'log.ledgerEntriesMax',
      'log.ledgerNameLengthMax',
      'log.ledgerHistoryMax',
      'log.ledgerHistoryCharactersMax',
    ],
    factors: (look) =>
      look('log.ledgersMax') *
      look('log.ledgerEntriesMax') *
      (look('log.recordOverheadBytes') + look('log.eventKeyLengthMax') + MiB),
    worstCase: (look) => 2 * look('log.ledgersMax') * look('log.ledgerBytesMax'),
    boundedBy:
      'bytes and entries of each and their number, beside `retention.maxBytes`; then `LEDGER_FULL`. Twice, because a node that follows them all has them in memory beside a log in memory',
    filledBy: {
      file: 'packages/testkit/src/event-log/full-ledger-contract.ts',
      name: 'a ledger that is full of bytes refuses more, and takes less',
    },
  },
  {
    what: 'requests between nodes that are kept × the largest event',
    limits: ['log.controlKeptBytesMax'],
    worstCase: (look) => look('log.controlKeptBytesMax'),
    boundedBy: 'their bytes, within `retention.maxBytes`; then the oldest go',
    filledBy: {
      file: 'packages/testkit/src/event-log/retention-contract.ts',
      name: 'requests between nodes are bounded in bytes, and count for the bound of all',
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
    what: 'write transactions of the LMDB log × what one takes from the queue, as pages of disk',
    limits: ['log-lmdb.groupDataMax', 'log-lmdb.groupEventsMax'],
    worstCase: (look) => 6 * Math.max(look('log-lmdb.groupDataMax'), requestBytesMax),
    boundedBy:
      'one transaction at a time, in memory a third of it; a batch above 2 Mi characters goes alone, of a hub 8 MiB; what waits for it counts as bodies of the hub',
    filledBy: {
      file: 'packages/log-lmdb/test/append-queue.test.ts',
      name: 'batches larger than a transaction may take go alone, and leave a bounded number of pages idle',
    },
  },
  {
    what: 'topics that an append left overfull × their names',
    limits: ['log-lmdb.topicsOverBoundMax'],
    worstCase: (look) => look('log-lmdb.topicsOverBoundMax') * 300,
    boundedBy: 'their number; for more all topics are looked at',
    filledBy: {
      file: 'packages/log-lmdb/test/retention-sweep.test.ts',
      name: 'a batch that fills more topics than are remembered is trimmed all the same',
    },
  },
  {
    what: 'one decoder × an id, an event and a line in progress, in parts',
    limits: [
      'wire.eventCharactersMaxDefault',
      'wire.fieldsMax',
      'wire.partsMax',
      'wire.smallPartMax',
    ],
    worstCase: (look) => 8.5 * look('wire.eventCharactersMaxDefault'),
    boundedBy: '`eventCharactersMax` of a decoder; one per stream that the application opens',
    filledBy: {
      file: 'packages/wire/test/decoder.test.ts',
      name: 'an id, an event and a line in progress, each almost at the limit and in parts of %d characters, take 8.5 times the limit',
    },
  },
  {
    what: 'events waiting for a slow iterator × what each costs',
    limits: [
      'client.queueCostMax',
      'client.queueItemCost',
      'client.sliceBytesMax',
      'client.inflateSliceBytes',
      'client.problemBytesMax',
      'client.urlLengthMax',
    ],
    worstCase: (look) =>
      2 * look('client.queueCostMax') +
      16 * look('client.sliceBytesMax') +
      // One compressed event at a time, as it came and opened, with what a slice can become.
      2 * 2 * look('wire.eventCharactersMaxDefault') +
      1_032 * look('client.inflateSliceBytes'),
    boundedBy: 'reading pauses; one per feed that the application opens',
    filledBy: {
      file: 'packages/client/test/feed.test.ts',
      name: 'a slow loop over a server that writes events with %s on end holds 2 MiB of them',
    },
  },
  {
    what: 'a feed that catches up × the events it compares × the slices they are parts of',
    limits: ['client.comparedEventsMax', 'client.comparedCostMax'],
    worstCase: (look) =>
      look('client.comparedEventsMax') * 2 * look('client.sliceBytesMax') +
      2 * look('client.comparedCostMax'),
    boundedBy:
      'the oldest are forgotten, and the feed is level later; one per feed of a client that is not level',
    filledBy: {
      file: 'packages/client/test/feed-past.test.ts',
      name: 'a feed that catches up for long keeps a bounded part of what it has read',
    },
  },
  {
    what: 'one publish × its receipt, 2 bytes per character',
    limits: ['client.receiptBytesMax'],
    worstCase: (look) => 2 * look('client.receiptBytesMax'),
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
      'cli.partsMax',
    ],
    worstCase: (look) => 2 * look('cli.waitingBytesMax') + 25 * look('cli.inputBytesMax'),
    boundedBy: 'reading pauses; lines of 8 MiB, one in a request, one read ahead, one in progress',
    filledBy: {
      file: 'packages/cli/test/line-batches.test.ts',
      name: 'lines of 8 MiB of control characters hold 25 times that at most, in a request, read ahead and in progress',
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
      'cli-bench.refusalCharactersMax',
      'cli-bench.reasonsMax',
      'cli-bench.failedPublishesMax',
    ],
    worstCase: (look) =>
      look('cli-bench.connectionsRange.max') * (6 * KiB + 24 * look('cli-bench.holesMax')) +
      look('cli-bench.publishBytesInFlightMax'),
    boundedBy: 'the product: an operator’s own tool, against a server that loses everywhere',
    filledBy: {
      file: 'packages/cli/test/bench-parts.test.ts',
      name: 'streams of a server that loses every other event remember 24 bytes for each, up to a number, and count them all',
    },
  },
]
