// Products of limits in the hub.

import { KiB, MiB } from './product.ts'
import type { Look, Product } from './product.ts'

const products = 'packages/hub/test/products.test.ts'

/** The default of `maxRequestBytes`. */
const requestBytesMax = 8 * MiB

/** Connections of a hub as it comes, and streams of HTTP/2 of all of them. */
function connections(look: Look): number {
  return look('server.sessionsMax') + look('hub.connectionsSpare')
}

/** Requests that can be under way: one on each connection, and those in line behind one. */
function requests(look: Look): number {
  return connections(look) + look('hub.lineLimits.behindMax')
}

/**
 * A page of history as records, as text and as bytes: six characters for one as JSON. V8 stores data
 * and text by two bytes a character as soon as one of them needs it; the escapes are ASCII.
 */
function pageBytes(look: Look): number {
  const characters = look('log.pageDataMax') + look('server.eventBytesMax')
  return characters * (2 + 6 * 2 + 6)
}

export const hubProducts: readonly Product[] = [
  {
    what: 'connections on their way to workers × what Node holds of one',
    limits: ['hub.handoversMax', 'hub.backlogMax'],
    // Connections in the kernel's queue are the kernel's, about as much for each.
    factors: (look) => (look('hub.handoversMax') + look('hub.backlogMax')) * 3_000,
    worstCase: (look) => look('hub.handoversMax') * 3_000,
    boundedBy:
      'their number, or the descriptors of the supervising process; further ones wait in the kernel',
    filledBy: {
      file: 'packages/hub/test/dispatcher.test.ts',
      name: 'a wave that workers do not take waits where it is: no more is accepted until some of it is taken',
    },
  },
  {
    what: 'request bodies at one time × their size, as bytes that arrive or as text that waits',
    limits: [
      'hub.heldBytesMax',
      'hub.bodyFreeBytes',
      'hub.chunkOverheadBytes',
      'hub.connectionsSpare',
      'hub.jsonLevelsMax',
    ],
    factors: (look) => requests(look) * 2 * requestBytesMax,
    worstCase: (look) =>
      2 * (look('hub.heldBytesMax') + requests(look) * look('hub.bodyFreeBytes')) +
      5 * requestBytesMax,
    boundedBy:
      'their bytes and chunks together beyond 16 KiB each, twice in memory; bytes and text at once are held of one body at a time; then `OVERLOADED`',
    filledBy: {
      file: products,
      name: 'bodies %s that wait for the log hold twice their bytes at most',
    },
  },
  {
    what: 'small bodies × the events in each, while the log takes none',
    limits: ['hub.eventOverheadBytes', 'server.publishEventsMax', 'log.batchEventsMax'],
    factors: (look) =>
      (requests(look) * look('hub.bodyFreeBytes') * look('hub.eventOverheadBytes')) / 23,
    worstCase: (look) => look('hub.heldBytesMax') + requests(look) * look('hub.bodyFreeBytes'),
    boundedBy: 'each event counts like 400 bytes of body until it is stored; then `OVERLOADED`',
    filledBy: {
      file: products,
      name: 'small bodies of many events count for their events, which wait while the log stands still',
    },
  },
  {
    what: 'connections of HTTP/1.1 × requests in line × their headers',
    limits: [
      'hub.lineLimits.connectionMax',
      'hub.lineLimits.behindMax',
      'hub.headerBytesMax',
      'hub.headerFieldsMax',
      'hub.http2HeaderListMax',
      'hub.http2HeaderPairsMax',
    ],
    factors: (look) =>
      connections(look) * look('hub.lineLimits.connectionMax') * look('hub.headerBytesMax'),
    // Measured: 44 KB for 120 fields of 250 bytes, 13.6 KB for 120 that are nearly empty.
    worstCase: (look) =>
      requests(look) * (look('hub.headerBytesMax') + 96 * look('hub.headerFieldsMax') + 2 * KiB),
    boundedBy:
      'requests behind others, of one connection and of all; then the connection is closed',
    filledBy: {
      file: products,
      name: 'a client that publishes on end without waiting for answers is closed, not collected, while the log stands still',
    },
  },
  {
    what: 'pages of history that are being read × their size, escaped',
    limits: ['hub.historyReadsMax', 'server.historyRecordsMax', 'server.historyPagesMax'],
    factors: (look) => requests(look) * pageBytes(look),
    worstCase: (look) => look('hub.historyReadsMax') * pageBytes(look),
    boundedBy: 'so many at one time, from reading to counting the answer; others wait in line',
    filledBy: {
      file: products,
      name: 'a packet full of requests for pages has four of them read at a time, not all before the first is counted',
    },
  },
  {
    what: 'connections to the port that redirects × a head and a piece of a body',
    limits: ['hub-tls.redirectConnectionsMax'],
    worstCase: (look) =>
      look('hub-tls.redirectConnectionsMax') * (look('hub.headerBytesMax') + 64 * KiB),
    boundedBy:
      'their number; further ones are closed unanswered, and none is kept after its answer',
    filledBy: {
      file: 'packages/hub/test/tls-headers.test.ts',
      name: 'clients that say nothing take the places of other redirects, and none of the hub’s own',
    },
  },
  {
    what: 'answers that nobody reads × their size',
    limits: [
      'hub.answerLimits.heldBytesMax',
      'hub.answerLimits.connectionBytesMax',
      'hub.answerLimits.readMsMax',
    ],
    factors: (look) =>
      requests(look) * 6 * (look('log.pageDataMax') + look('server.eventBytesMax')),
    worstCase: (look) => 2 * look('hub.answerLimits.heldBytesMax'),
    boundedBy:
      'their bytes, of one connection and of all, and 60 s; twice where Node copies them; then `OVERLOADED`',
    filledBy: {
      file: 'packages/hub/test/unread-answers.test.ts',
      name: 'all connections together hold no more than the bound, and what a broken one held is let go',
    },
  },
  {
    what: 'HTTP/2 connections × streams × what Node copies for open windows',
    limits: [
      'hub.http2Limits.streamsPerConnectionMax',
      'hub.http2Limits.sessionMemoryMB',
      'hub.http2Limits.invalidFramesMax',
      'hub.http2Limits.rejectedStreamsMax',
      'hub.http2Limits.pingsMax',
      'hub.http2Limits.settingsMax',
      'hub.http2Limits.streamResetBurst',
      'hub.http2Limits.streamResetsPerSecond',
    ],
    factors: (look) =>
      connections(look) *
      look('hub.http2Limits.streamsPerConnectionMax') *
      look('server.http2SliceBytes'),
    worstCase: (look) => connections(look) * look('server.http2SliceBytes'),
    boundedBy: 'streams of all connections together; then `REFUSED_STREAM`',
    filledBy: {
      file: 'packages/hub/test/http2.test.ts',
      name: 'streams beyond the limit of all connections are refused as not begun',
    },
  },
  {
    what: 'idle sessions × what a connection of HTTP/2 of its own over TLS costs',
    limits: ['server.sessionsMax'],
    // Measured: 82 to 101 KB, most of it the library's, for a connection with one stream.
    worstCase: (look) => look('server.sessionsMax') * 120 * KiB,
    boundedBy:
      '`maxSessions`; then `FULL`. Browsers have all their streams on one connection, a proxy has them of all clients',
    filledBy: {
      file: 'packages/hub/test/idle-sessions.test.ts',
      name: 'idle sessions of HTTP/2 over TLS cost a hub no more than 120 KiB each, with a connection of their own',
    },
  },
  {
    what: 'webhooks × the records of a round and their messages',
    limits: [
      'hub-webhooks.webhooksMax',
      'hub-webhooks.windowRecordsMax',
      'hub-webhooks.topicsAtOnceMax',
      'hub-webhooks.answerBytesMax',
    ],
    // Records by two bytes for a character; messages six times as long in escapes, as text and as bytes.
    worstCase: (look) =>
      look('hub-webhooks.webhooksMax') *
      ((2 + 6 * (2 + 1)) * (look('log.pageDataMax') + look('server.eventBytesMax')) +
        look('hub-webhooks.topicsAtOnceMax') * look('hub-webhooks.answerBytesMax')),
    boundedBy: 'a page of the log, which is read again where it was not delivered',
    filledBy: {
      file: 'packages/hub/test/webhooks.test.ts',
      name: 'an endpoint that never answers has a few requests, one per topic, and costs the node no memory',
    },
  },
  {
    what: 'events of sessions that wait for the log',
    limits: ['hub-webhooks.hubEventsMax'],
    worstCase: (look) => look('hub-webhooks.hubEventsMax') * 500,
    boundedBy: 'their number; further ones are dropped, and the operator is told how many',
    filledBy: {
      file: 'packages/hub/test/hub-events.test.ts',
      name: 'of events of sessions so many wait for a log that takes nothing, and the rest is counted and told',
    },
  },
  {
    what: 'workers × what each holds by itself',
    limits: ['hub.workersMax'],
    worstCase: (look) => look('hub.workersMax') * 60 * MiB,
    boundedBy:
      '`workers`; `maxSessions` and `maxTopicSetsBytes` are shared out, every other bound in this table holds for each worker',
    filledBy: {
      file: 'packages/hub/test/workers.test.ts',
      name: 'two workers together hold the topic sets that the hub may, and each its half',
    },
  },
]
