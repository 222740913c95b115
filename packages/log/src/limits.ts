// Every limit of this room, with its arithmetic.

/**
 * UTF-8 bytes of a topic or pattern. With the index's 16 bytes it stays far below any driver's key
 * limit (LMDB: 1,978).
 */
export const topicBytesMax: number = 256

/** Segments of a topic: 256 bytes hold at most 128 of one character each. */
export const topicSegmentsMax: number = 128

/** Topics and patterns of one subscription. 1,000 × 256 bytes = 256 KB of request at most. */
export const topicSetSizeMax: number = 1_000

/**
 * Segments of all patterns of one subscription together: 1,000 patterns of 8. Each may become a
 * node in the engine's trie, about 300 bytes: 2.4 MB at most.
 */
export const patternSegmentsMax: number = 8_000

/** Events of one append. 10,000 × ~2 µs in one transaction = 20 ms during which no one else writes. */
export const batchEventsMax: number = 10_000

/**
 * How long a batch may wait for others, in milliseconds. Publishers wait 15 s and more for an
 * answer. The engine asks for 4 ms.
 */
export const patienceMsMax: number = 10_000

/** Characters of an idempotency key, visible ASCII. */
export const idempotencyKeyLengthMax: number = 128

/** Characters of an event's key. */
export const eventKeyLengthMax: number = 256

/**
 * Topics without records that keep a mark of their own; the marks of older ones become one common
 * mark. In LMDB 100,000 × ~350 bytes = 35 MB of disk.
 */
export const emptyTopicsMax: number = 100_000

/**
 * Bytes of memory for such topics in the memory log: 100,000 topics of two segments at ~1 KB, or
 * 3,900 of 128 segments.
 */
export const emptyTopicBytesMax: number = 128 * 1024 * 1024

/** Bytes of a topic in the memory log beside its records: its state and lists. Measured: 460. */
export const topicOverheadBytes: number = 500

/**
 * Bytes of each of its segments, a place in the tree of topics. Measured: 245. It counts for
 * `maxBytes`. Otherwise one event per topic of 128 segments would take 89 GB within 1 GiB.
 */
export const topicSegmentBytes: number = 260

/** How long an idempotency key is kept at most, in milliseconds. */
export const idempotencyAgeMaxMs: number = 24 * 60 * 60 * 1000

/**
 * A log whose newest record is this far ahead of the machine's clock warns of it. Milliseconds. An
 * unset clock drifts by 100 ppm, 8.6 s a day: five minutes in 35 days. A retention of 24 hours is
 * 0.3 % late then.
 */
export const clockAheadMs: number = 5 * 60_000

/** Characters of an event's type. */
export const eventTypeLengthMax: number = 256

/** Tags of one event. With names and values of full length they have 5,120 characters. */
export const eventTagsMax: number = 16

/** Characters of a tag's name. */
export const tagNameLengthMax: number = 64

/** Characters of a tag's value. */
export const tagValueLengthMax: number = 256

/** Characters of the permission that an event asks for: those of a grant have no more. */
export const eventPermissionLengthMax: number = 128

/** How long an event may be worth something, in milliseconds: a year. Longer than that is for ever. */
export const eventTtlMsMax: number = 366 * 24 * 60 * 60 * 1000

/**
 * How long the end of a key's value is kept, in milliseconds: a day. A reader who was away for longer
 * reads the values anew. So keys that came and went cost nothing after that.
 */
export const tombstoneKeptMs: number = 24 * 60 * 60 * 1000

/**
 * Bytes of an event's tags, permission and end beside their texts. Measured for one tag: 150. More
 * tags take less each.
 */
export const extrasOverheadBytes: number = 160

/** Retention rules of one log. A topic's first lookup tries them one by one: 1,000 × ~50 ns = 50 µs. */
export const retentionRulesMax: number = 1_000

/**
 * Entries of one ledger, including deleted ones that are still kept. 100,000 × ~400 bytes = 40 MB
 * on each node that follows it.
 */
export const ledgerEntriesMax: number = 100_000

/** Bytes of one ledger's records, counted as `maxBytes` counts. 100,000 entries of 670 bytes. */
export const ledgerBytesMax: number = 64 * 1024 * 1024

/** Ledgers of one log. 16 × 64 MiB = 1 GiB beside `maxBytes`, as much again as the default of events. */
export const ledgersMax: number = 16

/**
 * Characters of a ledger's name. With the prefix and 64 characters of ASCII its topic has 75 bytes
 * of the 256.
 */
export const ledgerNameLengthMax: number = 64

/**
 * How long the record that ended an entry is kept, in milliseconds. Any time is right: a tail that
 * stands still for longer is overtaken, and its ledger reads the snapshot. A minute is longer than
 * a pause that a node survives unnoticed. It is also the width of the time slots that name claims:
 * a slot is over before an end within it is forgotten.
 */
export const ledgerEndKeptMs: number = 60_000

/**
 * Time between two checks of a log for ended entries, in milliseconds. 16 full ledgers × 100,000 ×
 * ~2 µs = 3 s per minute at worst.
 */
export const ledgerLookMs: number = 60_000

/**
 * Changes a ledger can answer `getAt` for. 1,000 × ~200 bytes = 200 KB; more than a flush of the
 * engine holds back.
 */
export const ledgerHistoryMax: number = 1_000

/** Characters of the records of those changes. Twice 4 MiB between two cuts, whatever a value has. */
export const ledgerHistoryCharactersMax: number = 4 * 1024 * 1024

/**
 * How late a listener may hear of an expiry, in milliseconds. A look at 100,000 entries takes ~1
 * ms.
 */
export const ledgerExpiryLateMs: number = 1_000

/**
 * How long a call waits for its own log's tail, in milliseconds. Then it says that the log hands
 * nothing over.
 */
export const ledgerWaitMs: number = 10_000

/** Time between two attempts to read a snapshot after storage failed, in milliseconds. */
export const ledgerRetryMs: number = 1_000

/**
 * Records of a ledger read in one turn. 1,000 × ~3 µs = 3 ms. A full ledger is read in 100 turns,
 * or in 256 of 256 Ki characters.
 */
export const ledgerPageRecords: number = 1_000

/**
 * How long records of `$hub/control` are kept, in milliseconds. A request is over after 5 s. The rest of the
 * time is for an operator who looks, and for tails that stand still.
 */
export const controlKeptMs: number = 2 * 60_000

/** Bytes of those records. 64 events of 1 MiB, or 150,000 requests of 400 bytes: 1,300 per second. */
export const controlKeptBytesMax: number = 64 * 1024 * 1024

/** Attempts of one claim, if the entry that beat it is gone before it can be read. */
export const claimTriesMax: number = 8

/**
 * Topics whose rule is remembered. 100,000 × ~100 bytes = 10 MB, with topics of 256 bytes 35 MB.
 * Then all are forgotten and found again.
 */
export const ruleCacheMax: number = 100_000

/**
 * Bytes of a record beside its texts: record, position, slot and its places in the lists of the
 * memory log.
 */
export const recordOverheadBytes: number = 200

/** Records a page looks at at most while scanning. 10,000 × ~0.1 µs = 1 ms. */
export const scanRecordsMax: number = 10_000

/**
 * Places of the memory log's tree of topics looked at for one set of patterns. 100,000 × ~0.1 µs =
 * 10 ms in which nothing else happens. Beyond it all records are looked at, and a loss is told up to
 * the newest trim mark of any topic.
 */
export const treeLooksMax: number = 100_000

/**
 * Topics of patterns among which the last events are looked for topic by topic. 1,000 × ~0.5 µs =
 * 0.5 ms. Where there are more topics, the last events are near.
 */
export const lastTopicsMax: number = 1_000

/**
 * Characters of data on one page or in one tail batch; the record that passes it is the last. Two
 * pages of 256 Ki UTF-16 units and a record of 1 MiB each for 100 readers at once = 300 MB worst
 * case.
 */
export const pageDataMax: number = 256 * 1024

/** Records a tail is handed at once while it catches up with the history. */
export const tailBatchMax: number = 1_000

/**
 * Bytes that remembered idempotency keys may always take, whatever `maxBytes` is. 4 MiB ÷ ~280
 * bytes = 15,000 keys.
 */
export const idempotencyBytesMin: number = 4 * 1024 * 1024

/** Share of `maxBytes` for idempotency keys, beside the records. */
export const idempotencyShare: number = 1 / 8

/**
 * Bytes of a remembered idempotency key in a data file beside its own characters: two entries and
 * their places in half-full pages.
 */
export const idempotencyOverheadBytes: number = 150

/**
 * Bytes of such a key in memory: text, entry, and a place in a table that is three quarters empty
 * after growing. Measured: 170 to 240.
 */
export const idempotencyEntryBytes: number = 240

/**
 * Idempotency keys forgotten by age in one append. More than the one that is added, so that they
 * cannot pile up.
 */
export const idempotencyForgottenMax: number = 100

/** Records removed by age in one step. 2,000 × ~0.5 µs = 1 ms. */
export const sweepRecordsMax: number = 2_000

/**
 * Records looked at in one step after a change of rules. 10,000 × ~0.3 µs = 3 ms. 100 steps per
 * second are 1,000,000 records, more than appends add.
 */
export const settleRecordsMax: number = 10_000

/** Pause between two steps when the first did not finish. 2,000 per 10 ms = 200,000 records per second. */
export const sweepPauseMs: number = 10

/** How late removal by age may be, in milliseconds. */
export const sweepLateMsMax: number = 1_000

/**
 * Epochs that a history remembers. An epoch is a start of all writers that wrote something. 1,000
 * of them are a restart every 90 seconds for a day's retention. 1,000 × ~40 bytes = 40 KB, read
 * once at the start. Beyond that the older half becomes one epoch, and a cursor of that half is
 * told of a gap.
 */
export const lineageEpochsMax: number = 1_000

/**
 * Renamings after a stop of the machine that a history remembers. Older names are told of a gap,
 * like those of any unknown history. 10 × ~40 bytes.
 */
export const renamingsMax: number = 10
