// Every limit of the hub, with its arithmetic.

/**
 * Bytes of request line and headers. 100 topics of 256 bytes fit; longer lists go into the body of POST
 * /events.
 */
export const headerBytesMax: number = 32 * 1024

/**
 * Header fields of one request, whatever the version of HTTP. Browsers send about 20, proxies add as
 * many again.
 */
export const headerFieldsMax: number = 128

/**
 * Header list of one request of HTTP/2 that the hub announces (RFC 9113 §6.5.2), so that one above
 * `headerBytesMax` can be refused with a status. Beyond it Node resets the stream, and ends the
 * connection from about 64 KiB of compressed headers on. Bytes.
 */
export const http2HeaderListMax: number = 64 * 1024

/**
 * Header fields of one request of HTTP/2 that Node hands over, so that we can refuse them with a
 * status: it resets the stream beyond. By `http2HeaderListMax` with 32 bytes for each field (RFC 9113
 * §6.5.2) there can be 2,048.
 */
export const http2HeaderPairsMax: number = 2_048

/**
 * Pages of history read at one time; further requests wait. A page is 1.25 Mi characters, by two bytes
 * where one of them needs it. As JSON they are 6 times as many, by two bytes as text and by one as
 * bytes. 2 + 12 + 6 = 20 bytes for each are 25 MiB. 4 × 25 MiB = 100 MiB. Without it a single packet of
 * 1,300 requests has 1.4 GB read before the first page counts as an answer.
 */
export const historyReadsMax: number = 4

/** How long a refused body is still read, so that the client gets to see the answer. Milliseconds. */
export const discardMs: number = 2_000

/** How long a probe may take from publish to delivery before the hub counts as not ready. Milliseconds. */
export const probeMs: number = 2_000

/**
 * How long the answer of a probe holds for others who ask: at most one write per second, however many
 * ask. Milliseconds.
 */
export const probeFreshMs: number = 1_000

/**
 * How long a worker waits for the sum of what all workers have counted. A supervising process that is
 * not overloaded answers within one. Milliseconds.
 */
export const statsAnswerMs: number = 2_000

/**
 * How long an answer of `GET /stats` holds for others who ask. Counting goes over all audiences.
 * Milliseconds.
 */
export const statsFreshMs: number = 1_000

/**
 * Node keeps an idle connection this long for its next request; above the usual 60 s of proxies.
 * Milliseconds.
 */
export const keepAliveMs: number = 75_000

/**
 * Levels of arrays and objects in each other. Parsing 4,000,000 levels (8 MiB of brackets) takes 1.5 s,
 * and readers in other languages stop at about this many.
 */
export const jsonLevelsMax: number = 1_000

/**
 * The cost of an event of a request beside its bytes, until it is stored: input, event, record. 16 KiB of
 * body hold 700 of them, so 11,000 requests within `bodyFreeBytes` would be 3 GB.
 */
export const eventOverheadBytes: number = 400

/**
 * Bytes of request bodies held at one time. 16 of 8 MiB. Twice that in memory, 256 MiB. While they
 * arrive, a chunk may hold as much again beside it. As texts that wait for the log, V8 stores all by
 * two bytes where one character needs them. Bytes and text at once are held of one body only, in the
 * turn in which it is decoded: 1 + 2 + 2 times 8 MiB.
 */
export const heldBytesMax: number = 128 * 1024 * 1024

/**
 * The first bytes of each body do not count, so that a few slow senders of large bodies cannot keep
 * small ones out. 11,000 connections and 4,096 requests in line × 16 KiB × 2 = 472 MiB beside the rest.
 */
export const bodyFreeBytes: number = 16 * 1024

/** The cost of a chunk of a body beside its bytes. A body can be sent as one chunk per byte. */
export const chunkOverheadBytes: number = 128

/** How much may wait for clients that do not read their answers. */
export interface AnswerLimits {
  /** Bytes of all answers that are not sent yet. */
  readonly heldBytesMax: number
  /** Of those of one connection, which may have asked for many at once; a single answer may be larger. */
  readonly connectionBytesMax: number
  /** How long a client may take to read one. Milliseconds. */
  readonly readMsMax: number
}

/**
 * A page of history is 256 KiB of data and the event that passed them, 1.25 MiB, or six times that in
 * escapes: 7.5 MiB. A connection of HTTP/2 may ask for 256 at once, one of HTTP/1.1 for 1,300 in the 64
 * KiB that are read at a time. That would be 64 and 325 MiB of the smallest pages. As many bytes in all
 * as request bodies may be, and as many again where Node has copied them for open windows. 7.5 MiB in
 * 60 s are 1 Mbit/s.
 */
export const answerLimits: AnswerLimits = {
  heldBytesMax: 128 * 1024 * 1024,
  connectionBytesMax: 8 * 1024 * 1024,
  readMsMax: 60_000,
}

/**
 * How many requests may wait on connections of HTTP/1.1 whose clients do not wait for answers
 * (pipelining).
 */
export interface LineLimits {
  /** Of one connection, the one being answered included: as many as streams of HTTP/2. */
  readonly connectionMax: number
  /** Of all connections, the first of each not counted. */
  readonly behindMax: number
}

/**
 * A request in line is 46 KiB at most: 32 KiB of headers, 96 bytes for each of 128 fields, and Node's
 * objects. Its body counts by itself. 4,096 × 46 KiB = 184 MiB. A connection that sends more is closed
 * (RFC 9112 §9.3.2 has clients repeat what was not answered).
 */
export const lineLimits: LineLimits = { connectionMax: 256, behindMax: 4_096 }

/**
 * Connections beside those of sessions: publishers, probes, and those who come to be told that the hub
 * is full.
 */
export const connectionsSpare: number = 1_000

/**
 * Descriptors of a process for all but connections: the log, pipes to other processes, files that are
 * read. ~50 were seen in a worker; twice that.
 */
export const descriptorsSpare: number = 100

/**
 * How often a process looks whether it has descriptors left. Opening and closing a file takes ~30 µs.
 * Milliseconds.
 */
export const descriptorLookMs: number = 1_000

/**
 * Of connections that are dropped the log says a line at once, then their number at most this often.
 * Milliseconds.
 */
export const dropLineMs: number = 60_000

/**
 * Connections that wait in the kernel's queue to be accepted, ~3 KB each. Node's own is 511, which a
 * wave of thousands overflows. The kernel drops connections then, and clients try again after 1, 1, 1,
 * 1, 2, 4, 8 … s. The largest there is, because the kernel lowers it to `net.core.somaxconn` (4,096
 * since Linux 5.4), where operators raise it.
 */
export const backlogMax: number = 65_535

/**
 * Connections that the supervising process has accepted and no worker has confirmed, or as many as it
 * has descriptors for. A client that waits here need not try again, as one does that finds no place in
 * the kernel's queue. 32,768 × 3 KB = 96 MiB, the work of ten seconds on two cores.
 */
export const handoversMax: number = 32_768

/**
 * Below this part of them accepting goes on. Shutting and opening takes 0.2 ms, and while it is shut
 * the kernel's queue fills up.
 */
export const handoversResume: number = 7 / 8

/**
 * With a file limit that allows fewer than these on their way an operator is told: the kernel's queue
 * is all that waits then.
 */
export const handoversLeast: number = 256

/**
 * While the port cannot be closed, each arrival beyond `handoversMax` delays the next for so long: 100
 * per second. Milliseconds.
 */
export const holdUpMs: number = 10

/** After an attempt to accept that has failed nothing is accepted for so long. Milliseconds. */
export const acceptPauseMs: number = 1_000

/**
 * The most that may be asked for as `flush.bytes`: 64 events of 1 MiB in one block, and again in each
 * framing in use.
 */
export const flushBytesLimit: number = 64 * 1024 * 1024

/**
 * The most that may be asked for as `maxEventBytes`. In an envelope it is six times as long at worst,
 * 384 MiB, and a text of V8 ends at 512 MiB.
 */
export const eventBytesLimit: number = 64 * 1024 * 1024

/** The most that may be asked for as `maxRequestBytes`: a body becomes one text, which ends at 512 MiB. */
export const bodyBytesLimit: number = 256 * 1024 * 1024

/** The most that may be asked for as `maxTopicSetsBytes`: beyond the memory of any machine. */
export const topicSetsBytesLimit: number = 1024 ** 4

/**
 * The largest bound of retention: half of the 1 TiB that LMDB maps, because the file is larger than the
 * events in it.
 */
export const storageBytesLimit: number = 512 * 1024 ** 3

/**
 * The longest that may be asked for as an age of retention: a hundred years, which is for ever.
 * Milliseconds.
 */
export const retentionAgeMsLimit: number = 36_500 * 86_400_000

/** The limits of a connection of HTTP/2. */
export interface Http2Limits {
  /** Streams open at one time; further requests wait in the client. */
  readonly streamsPerConnectionMax: number
  /** Node refuses further streams while a connection holds more. Megabytes. */
  readonly sessionMemoryMB: number
  /** Frames that break the rules, before the connection is closed. */
  readonly invalidFramesMax: number
  /** Streams opened although refused, before the connection is closed. */
  readonly rejectedStreamsMax: number
  /** Pings that wait for their answer. */
  readonly pingsMax: number
  /** Entries of one SETTINGS frame. */
  readonly settingsMax: number
  /**
   * Streams that a client may reset at once, and per second on end: more is an attack (CVE-2023-44487).
   * Not on Node 20 and 22, whose own numbers are the same.
   */
  readonly streamResetBurst: number
  readonly streamResetsPerSecond: number
}

/**
 * 256 streams × 64 KiB that wait for a peer whose windows stay shut = 16 MiB; twice that, for blocks
 * that passed the mark. Measured with 50 MB published past 256 streams: 7 MiB when the windows stay
 * shut, 20 when they are open and nobody reads. Answers that are no streams have `answerLimits`,
 * connections together `connectionsMax` streams. A page that is left resets its streams at once: at
 * most 256. Acknowledgements (of PING, SETTINGS) that a client lets pile up need no number here: the
 * library below Node ends the connection at 1,000.
 */
export const http2Limits: Http2Limits = {
  streamsPerConnectionMax: 256,
  sessionMemoryMB: 32,
  invalidFramesMax: 100,
  rejectedStreamsMax: 100,
  pingsMax: 10,
  settingsMax: 32,
  streamResetBurst: 1_000,
  streamResetsPerSecond: 33,
}

/** How slowly a client may send. */
export interface RequestTimes {
  /** Request line and headers. Milliseconds. */
  readonly headersMs: number
  /** The whole request. Milliseconds. */
  readonly requestMs: number
  /** How often connections are looked through for late ones. Milliseconds. */
  readonly checkMs: number
}

/** 8 MiB in 60 s is 1.1 Mbit/s. Looking through 11,000 connections is under a millisecond. */
export const requestTimes: RequestTimes = { headersMs: 20_000, requestMs: 60_000, checkMs: 5_000 }

/**
 * A request may be late by the clock while more of it has arrived. It is looked at again this often,
 * for as long as the time between two checks. Milliseconds.
 */
export const lateLookMs: number = 100

/**
 * A closing hub goes on listening for this long. Requests that were on their way lie in socket buffers
 * and would be reset unread. Milliseconds.
 */
export const drainSettleMs: number = 100

/**
 * How long a closing hub waits for requests in progress; supervisors kill after 10 s (Docker) to 90 s
 * (systemd). Milliseconds.
 */
export const drainRequestsMs: number = 5_000

/**
 * How long a worker that drains may take beyond the pace of its sessions, before it counts as hanging.
 * 5 s for goodbyes, 5 s for requests, and as much again for a busy machine. Milliseconds.
 */
export const drainGraceMs: number = 20_000

/**
 * Processes of one hub. Each appends and delivers all by itself; 64 × ~60 MB before the first session
 * is 4 GB.
 */
export const workersMax: number = 64

/**
 * A worker that ends is started again at once, and after each life shorter than `steadyMs` twice as
 * late, at most `capMs`. A start costs ~0.4 s of CPU: one that dies in the moment it serves takes 8 %
 * of a core. Milliseconds.
 */
export const restartWaits: {
  readonly steadyMs: number
  readonly baseMs: number
  readonly capMs: number
} = { steadyMs: 1_000, baseMs: 100, capMs: 5_000 }

/** How a worker is watched whose event loop may hang. */
export interface WatchLimits {
  /** From one look for its answer, and the next question, to the next. Milliseconds. */
  readonly everyMs: number
  /** So many looks in a row without an answer, and it gets no new connections until it answers. */
  readonly silentLooks: number
  /** So many, and it is killed and replaced. */
  readonly hungLooks: number
}

/**
 * A question and its answer take each process ~20 µs: 64 workers are 0.13 % of a core. No new
 * connections after 3 s: a full collection of a heap of 4 GB may take that long, and others serve
 * meanwhile. Killed after 15 s, the time between two beats, before which no client can know either. A
 * machine that swaps, or a disk that stalls under the pages of the log, stands still for some seconds.
 * Killing then would make thousands come back at once to an overloaded machine.
 */
export const watchLimits: WatchLimits = { everyMs: 1_000, silentLooks: 3, hungLooks: 15 }

/**
 * Between two messages by which a worker tells the supervising process what it has stored. 200 a second
 * of ~15 µs at either end are 0.3 % of a core. A copy that is put over the data is older than that:
 * making it takes longer. Milliseconds.
 */
export const seenPauseMs: number = 5

/**
 * A hub of which no worker serves ends after so many failed starts in a row. That is after
 * 0 + 0.1 + 0.2 + … + 3.2 + 5 + 5 s = 16 s.
 */
export const failedStartsMax: number = 9

/**
 * A worker that has not taken a connection after this long is passed over until it has. 25 turns of a
 * flush window of 20 ms, and more than a major garbage collection. When a worker hangs, a new client
 * waits so long once. Milliseconds.
 */
export const handoverMs: number = 500

/**
 * How long an ended worker's last messages are waited for. They lie in the kernel already and take one
 * turn. A process that has inherited the worker's channel, such as a debugger's, keeps it open longer.
 * Milliseconds.
 */
export const lastMessagesMs: number = 1_000
