// Products of limits in the engine.

import { KiB, MiB } from './product.ts'
import type { Product } from './product.ts'

const frames = 'packages/server/test/frame-products.test.ts'
const topicSets = 'packages/server/test/topic-set-memory.test.ts'
const stalled = 'packages/server/test/stalled-products.test.ts'
const idle = 'packages/hub/test/idle-sessions.test.ts'

/** Sessions of a hub as it comes. */
const sessions = 'server.sessionsMax'
/** Framings a client can ask for: 2 shapes × 16 sets of fields × 2 names × packed or not, and batch. */
const framings = 129

export const serverProducts: readonly Product[] = [
  {
    what: 'sessions × names, segments and text of their topic sets',
    limits: [
      'server.topicSetsBytesMax',
      'server.topicSetsBytesMin',
      'server.topicSetFreeBytes',
      'server.audienceOverheadBytes',
      'server.nameOverheadBytes',
      'server.patternSegmentBytes',
      'server.textUnitBytes',
      'log.topicSetSizeMax',
      'log.patternSegmentsMax',
      'log.topicBytesMax',
      'log.topicSegmentsMax',
    ],
    factors: (look) => look(sessions) * look('server.topicSetsBytesMin'),
    worstCase: (look) =>
      look('server.topicSetsBytesMax') + look(sessions) * look('server.topicSetFreeBytes'),
    boundedBy: '`maxTopicSetsBytes`, counted from the opening of a session to its end; then `FULL`',
    filledBy: {
      file: topicSets,
      name: 'sessions with a thousand names of their own each are refused before they take all memory',
    },
  },
  {
    what: 'idle sessions × what a connection of HTTP/1.1 costs',
    limits: [
      sessions,
      'server.beatGrains',
      'server.dueAtOnceMax',
      'server.waitersKeptMax',
      'server.ownerCharactersMax',
    ],
    worstCase: (look) => look(sessions) * 10 * KiB,
    boundedBy: '`maxSessions`; then `FULL`',
    filledBy: {
      file: idle,
      name: 'two thousand idle sessions cost a hub no more than 10 KiB each, and the next one is told to come back',
    },
  },
  {
    what: 'sessions × topics in which they are present, and what they show of their users',
    limits: ['presence.presenceTopicsMax', 'presence.presenceCharactersMax'],
    factors: (look) => look(sessions) * look('log.topicSetSizeMax') * 600,
    worstCase: (look) =>
      look(sessions) *
      (look('presence.presenceTopicsMax') * 600 + look('presence.presenceCharactersMax') * 2),
    boundedBy: '`maxSessions` of all nodes together, where a rule keeps presence; then `FULL`',
    filledBy: {
      file: 'packages/server/test/presence-memory.test.ts',
      name: 'a thousand sessions with fifty topics of their own each take 30 MB, and give all of it back',
    },
  },
  {
    what: 'stalled sessions × what waits for a socket (64 KiB, and the block that passed them)',
    limits: [
      'server.writeBytesMax',
      'server.writeBlocksMax',
      'server.earlyEventsMax',
      'server.flushBytesMax',
      'server.flushEventsMax',
      'server.http2SliceBytes',
      'server.encryptedSliceBytes',
      'server.escapeGrowthMax',
      'hub.flushBytesLimit',
    ],
    factors: (look) =>
      look(sessions) *
      (look('server.writeBytesMax') +
        look('server.flushBytesMax') +
        look('server.escapeGrowthMax') * look('server.eventBytesMax')),
    worstCase: (look) =>
      look(sessions) * (look('server.writeBytesMax') + 2 * look('server.flushBytesMax')),
    boundedBy:
      'portions end at 64 KiB of frames, not of data; an event above a sixth of that goes alone, in one block for all audiences, and encrypted in slices of 64 KiB (not where middleware wraps a response over TLS); `maxSessions`, `flush.bytes`, `stalledAfter`',
    filledBy: {
      file: stalled,
      name: 'fifty stalled sessions of %s with topics of their own hold a portion and the block that passed it each, live and replaying',
    },
  },
  {
    what: 'readers of the Fetch door × the chunk each has in hand',
    limits: ['server.fetchChunkBytes'],
    factors: (look) =>
      look(sessions) * look('server.escapeGrowthMax') * look('server.eventBytesMax'),
    worstCase: (look) => look(sessions) * look('server.fetchChunkBytes'),
    boundedBy: 'a chunk is a slice of what is held, and the next is copied when it is asked for',
    filledBy: {
      file: stalled,
      name: 'readers of the Fetch door that stop at a large event hold a slice of it each, not a copy',
    },
  },
  {
    what: 'sessions that stall × the large live or recent event each stalls at',
    limits: ['server.heldBlocksBytesMax', 'server.eventBytesMax'],
    factors: (look) =>
      look(sessions) * look('server.escapeGrowthMax') * look('server.eventBytesMax'),
    // As bytes, as a chunk of HTTP/1.1, and both again compressed, where clients of every kind stall at
    // the same events.
    worstCase: (look) => 4 * look('server.heldBlocksBytesMax'),
    boundedBy:
      'bytes of distinct blocks, up to four times for chunks and for gzip; who has held one the longest is cut and resumes',
    filledBy: {
      file: stalled,
      name: 'sessions that resume just before large recent events and read nothing hold a bounded number of them in %s framing',
    },
  },
  {
    what: 'replaying sessions × a large event of their own',
    limits: ['server.largeWriteBytesMax', 'server.largeWriteMs'],
    factors: (look) =>
      look(sessions) * look('server.escapeGrowthMax') * look('server.eventBytesMax'),
    worstCase: (look) =>
      2 *
      (look('server.largeWriteBytesMax') +
        look('server.escapeGrowthMax') * look('server.eventBytesMax')),
    boundedBy:
      'their bytes together; others wait in line with a cursor, and after 60 s who reads too slowly is cut and resumes',
    filledBy: {
      file: frames,
      name: 'sessions that replay large events and read nothing hold no more of them than all may, and the others have their turn',
    },
  },
  {
    what: 'recent records × framings × copies of a frame',
    limits: [
      'server.recentRecordsMax',
      'server.recentCharactersMax',
      'server.recentFrameBytesMax',
      'server.frameCopiesMax',
      'server.frameOverheadBytes',
      'server.gzipBytesMin',
      'server.packCharactersMin',
      'server.packedKeptCharactersMax',
      'server.packedOverheadCharacters',
    ],
    factors: (look) =>
      look('server.recentCharactersMax') *
      (2 + framings * look('server.escapeGrowthMax') * look('server.frameCopiesMax')),
    worstCase: (look) =>
      look('server.recentFrameBytesMax') +
      look('server.packedKeptCharactersMax') +
      look('server.recentRecordsMax') * look('server.frameOverheadBytes') +
      look('server.recentCharactersMax') *
        (2 + look('server.escapeGrowthMax') * look('server.frameCopiesMax')),
    boundedBy: 'bytes of their frames, and what one stretch adds before the next look',
    filledBy: {
      file: 'packages/server/test/recent-memory.test.ts',
      name: 'recent events in all 129 framings, with all that every kind of client needs of them, never take more memory than they may',
    },
  },
  {
    what: 'sessions that catch up × a page of the log',
    limits: ['server.replayReadsMax', 'server.replayPageMax', 'log.pageDataMax'],
    factors: (look) =>
      look(sessions) * 2 * (look('log.pageDataMax') + look('server.eventBytesMax')),
    worstCase: (look) =>
      look('server.replayReadsMax') * 2 * (look('log.pageDataMax') + look('server.eventBytesMax')),
    boundedBy:
      'so many reads at one time, one page per turn of the event loop; who leaves gives up the place in line',
    filledBy: {
      file: frames,
      name: 'a thousand sessions that resume from a log that takes long have a bounded number of pages read at a time',
    },
  },
  {
    what: 'laggards × the backlog their rules reduce',
    limits: [
      'server.backlogsMax',
      'server.backlogPagesMax',
      'server.backlogRecordsMax',
      'server.backlogCharactersMax',
    ],
    factors: (look) =>
      look(sessions) *
      2 *
      (look('server.backlogCharactersMax') +
        look('log.pageDataMax') +
        look('server.eventBytesMax')),
    worstCase: (look) =>
      look('server.backlogsMax') *
      2 *
      (look('server.backlogCharactersMax') +
        look('log.pageDataMax') +
        look('server.eventBytesMax')),
    boundedBy: 'so many backlogs at one time; others wait with a cursor',
    filledBy: {
      file: frames,
      name: 'laggards under a rule hold their backlogs in memory a few at a time',
    },
  },
  {
    what: 'subscriptions in bodies × their size and parts (doors of an application)',
    limits: [
      'server.subscriptionBytesMax',
      'server.subscriptionBodiesBytesMax',
      'server.subscriptionFreeBytes',
      'server.subscriptionPartBytes',
    ],
    factors: (look) => look(sessions) * look('server.subscriptionBytesMax'),
    worstCase: (look) =>
      2 *
      (look('server.subscriptionBodiesBytesMax') +
        look(sessions) * look('server.subscriptionFreeBytes')),
    boundedBy:
      'their bytes and parts together beyond 16 KiB each, by two bytes a character; then `FULL`',
    filledBy: {
      file: 'packages/server/test/body-budget.test.ts',
      name: 'bodies of subscriptions in parts of %d bytes hold no more than twice what they count for',
    },
  },
  {
    what: 'sessions × the permissions and claims of their grants',
    limits: [
      'session.permissionsMax',
      'session.permissionCharactersMax',
      'session.claimsCharactersMax',
    ],
    worstCase: (look) =>
      look(sessions) *
      (look('session.permissionsMax') * (2 * look('session.permissionCharactersMax') + 32) +
        16 * look('session.claimsCharactersMax')),
    boundedBy: 'the size of a grant; beyond that it is refused, for its maker to mend',
    filledBy: {
      file: 'packages/server/test/grant-memory.test.ts',
      name: 'the longest permissions and claims cost their characters and little more',
    },
  },
  {
    what: 'sessions × the filters that each asks for, is granted, and has of both',
    limits: ['request.filterCharactersMax', 'request.filterTermsMax'],
    worstCase: (look) =>
      look(sessions) *
      4 *
      (2 * look('request.filterCharactersMax') + 100 * look('request.filterTermsMax')),
    boundedBy: 'the size of a filter; sessions that have the same one share it',
    filledBy: {
      file: 'packages/server/test/grant-memory.test.ts',
      name: 'the longest filters cost their characters and little more, and those that sessions share nothing',
    },
  },
  {
    what: 'sessions whose grant is asked about again × the request that each keeps',
    limits: ['hub.headerBytesMax'],
    worstCase: (look) => look(sessions) * (look('hub.headerBytesMax') + 2 * KiB),
    boundedBy: 'the headers of a request; only grants with `recheckAfterMs` keep theirs',
    filledBy: {
      file: 'packages/server/test/grant-memory.test.ts',
      name: 'a request that is asked about again is kept with its headers, and nothing else of it',
    },
  },
  {
    what: 'open streams that `authorize` is asked about at one time × their topics',
    limits: ['session.rechecksMax'],
    worstCase: (look) => look('session.rechecksMax') * look('server.topicSetsBytesMin'),
    boundedBy: 'so many at one time; others wait in line, with nothing',
    filledBy: {
      file: 'packages/server/test/rechecks.test.ts',
      name: 'an authorize that hangs has so many streams to answer for at a time, and new ones still get in',
    },
  },
  {
    what: 'requests that wait for an `authorize` which hangs × what each holds',
    limits: ['server.authorizeWaitingMax', 'server.subscriptionFreeBytes'],
    worstCase: (look) =>
      look('server.authorizeWaitingMax') * (10 * KiB + 2 * look('server.subscriptionFreeBytes')),
    boundedBy: 'so many requests at one time; then `FULL`, and after 30 s each is sent away',
    filledBy: {
      file: 'packages/server/test/authorize.test.ts',
      name: 'an authorize that hangs gathers requests up to a bound, and serves the next once they are gone',
    },
  },
  {
    what: 'requests that a node asks of others × what each holds until it is answered',
    limits: [
      'control.controlWaitingMax',
      'control.controlCarriedCharactersMax',
      'server.eventBytesMax',
    ],
    worstCase: (look) =>
      look('control.controlWaitingMax') * KiB +
      2 * (look('control.controlCarriedCharactersMax') + look('server.eventBytesMax')),
    boundedBy:
      'so many requests and so many characters at one time; then `FULL`, and after 6 s each is let go',
    filledBy: {
      file: 'packages/server/test/control.test.ts',
      name: 'ten thousand requests wait, one more is refused, and all are let go',
    },
  },
  {
    what: 'requests that other nodes ask of a node × the largest change of topics',
    limits: [
      'control.controlSeenMax',
      'control.controlChangeCharactersMax',
      'control.controlCarriedCharactersMax',
    ],
    factors: (look) =>
      2 * look('control.controlSeenMax') * look('control.controlChangeCharactersMax'),
    worstCase: (look) =>
      2 *
      (look('control.controlCarriedCharactersMax') + look('control.controlChangeCharactersMax')),
    boundedBy: 'the characters of those that are not done yet; then `FULL`',
    filledBy: {
      file: 'packages/server/test/control.test.ts',
      name: 'changes that wait for replays hold no more than their bound, and then the next is refused',
    },
  },
  {
    what: 'what an application sends to one `openStream` without waiting × the largest event',
    limits: [
      'own-stream.waitingTextLengthMax',
      'own-stream.waitingTextOverhead',
      'own-stream.waitingPortionLength',
      'own-stream.smallTextLengthMax',
    ],
    worstCase: (look) =>
      // A line break in the data becomes seven bytes. One event waits, and one is in the sink, also as
      // a chunk of HTTP/1.1.
      2 * look('own-stream.waitingTextLengthMax') + 3 * 7 * look('server.eventBytesMax'),
    boundedBy:
      'the length of what waits, for each stream; then it is cut (`STREAM_CUT`). Where each send is awaited, nothing waits',
    filledBy: {
      file: 'packages/server/test/open-stream.test.ts',
      name: 'what is sent without waiting holds no more than its bound, the largest events among it',
    },
  },
  {
    what: 'topics × lag rules',
    limits: ['server.rulesMax', 'server.rememberedTopicsMax'],
    worstCase: (look) =>
      look('server.rememberedTopicsMax') * (100 + look('log.topicBytesMax')) +
      look('server.rulesMax') * KiB,
    boundedBy: 'remembered topics; then all are forgotten',
    filledBy: {
      file: 'packages/server/test/lag-rules.test.ts',
      name: 'more topics than are remembered are judged all the same, and forgotten again',
    },
  },
  {
    what: 'topics with a bound of sessions × nodes that tell of them',
    limits: ['server.toldTopicsMax'],
    worstCase: (look) => look('server.toldTopicsMax') * (150 + look('log.topicBytesMax')),
    boundedBy:
      'topics that a node tells of, for each of the other nodes; those beyond count at it alone',
    filledBy: {
      file: 'packages/server/test/subscriber-counts.test.ts',
      name: 'a node tells of so many topics and no more, and goes on counting its own',
    },
  },
  {
    what: 'topics × rate rules',
    limits: ['server.rateTopicsMax', 'server.rateLooksMax'],
    worstCase: (look) => look('server.rateTopicsMax') * (200 + look('log.topicBytesMax')),
    boundedBy: 'topics that are counted; then one that owes nothing is forgotten, or an old one',
    filledBy: {
      file: 'packages/server/test/rate-rules.test.ts',
      name: 'topics beyond the bound push out those that owe nothing first',
    },
  },
  {
    what: 'events waiting for a flush × their size',
    limits: ['log.tailBatchMax'],
    worstCase: (look) =>
      2 * (look('log.pageDataMax') + look('server.eventBytesMax')) +
      look('server.flushBytesMax') * 2 +
      8 * MiB,
    boundedBy:
      'they leave early at `flush.events` or `flush.bytes`; one batch of the tail comes on top, at most one publish of 8 MiB',
    filledBy: {
      file: 'packages/server/test/flush-window.test.ts',
      name: 'what waits for a flush is less than a portion between two batches, and a batch of any size is written before the next',
    },
  },
  {
    what: 'sessions × what is remembered of them, and times of flushes',
    limits: ['trace.traceBytesMax', 'trace.happeningBytes', 'trace.flushTimesMax'],
    worstCase: (look) => look('trace.traceBytesMax') + look('trace.flushTimesMax') * 80,
    boundedBy: 'what all happenings count for; then the oldest are forgotten',
    filledBy: {
      file: 'packages/server/test/trace.test.ts',
      name: 'happenings of all sessions hold no more than their bound, and sessions that have closed go with theirs',
    },
  },
]
