// Every limit of this room, with its arithmetic.

/**
 * Address space reserved for the data file: 1 TiB of the 128 TiB a 64-bit process has. The file itself grows with
 * its data; a map that never has to grow needs no remapping while readers use it.
 */
export const mapBytes: number = 2 ** 40

/** Readers of all processes: one slot each of 64 bytes = 64 KiB of lock file. */
export const readersMax: number = 1_024

/** Named databases of the environment; 10 are in use. */
export const databasesMax: number = 16

/** Events one write transaction takes from the queue. 10,000 × ~6 µs = 60 ms in which no one else writes. */
export const groupEventsMax: number = 10_000

/**
 * Characters of data one write transaction takes from the queue; a larger batch goes alone. Pages a transaction frees
 * are reused two transactions later, so about three times this, doubled by page rounding, lies idle on the disk: 12 MiB, or 48
 * while all batches are a hub's largest, 8 MiB. In memory is one transaction, a third of that.
 */
export const groupDataMax: number = 2 * 1024 * 1024

/**
 * Writers wait this long to get into a transaction, in milliseconds. Then storage is taken for stuck: a hundred times the longest
 * transaction of another process, a sweep's of under 0.1 s, and below the 15 s and more that publishers wait for an answer.
 */
export const beginWaitMs: number = 10_000

/**
 * Transactions that are begun anew, because another process's `open` has set the newest state back. An `open` takes 2 ms and does so
 * within some 20 µs of it, twice; between two of our transactions lie 0.1 ms. With 4 processes that open without a pause it happens in
 * one transaction of 5; 20 in a row are 0.2^20, 10^-14, and 2 ms. Then the lock file is one that nobody mends.
 */
export const staleBeginsMax: number = 20

/** Topics that patterns may reach and still be looked up for every page. 250 × ~1 µs = 0.25 ms. */
export const topicsVisitedMax: number = 250

/**
 * Topics below a set's patterns visited for one page at most, 12,000 × ~1 µs = 12 ms; with more of them the range is scanned,
 * and what they have lost is told more coarsely.
 */
export const topicsEnumeratedMax: number = 12_000

/** Topics merged for one page at most. 10,000 × ~0.5 µs = 5 ms. */
export const mergeTopicsMax: number = 10_000

/** Seeking in one topic costs about as much as looking at this many records in a scan. */
export const seekCost: number = 4

/** Ranges of topics that the literal prefixes of a set are gathered to. 16 × ~7 looks of ~40 µs each = 4 ms per page. */
export const topicRangesMax: number = 16

/** Records looked at for one page at most. 5,000 × ~1.5 µs = 8 ms, with a topic of its own for each. */
export const scanRecordsMax: number = 5_000

/** Records looked at to find out how many of them a pattern matches. 1,000 × ~1 µs = 1 ms, and they count for the page. */
export const probeRecordsMax: number = 1_000

/** Records that one sweep step removes. 500 × ~10 µs = 5 ms. */
export const sweepRecordsMax: number = 500

/** Records that one sweep step looks at. 2,000 × ~1 µs = 2 ms. */
export const sweepLooksMax: number = 2_000

/** Topics an append had to leave overfull that are remembered by name, 10,000 × ~300 bytes = 3 MB; for more all are looked at. */
export const overfullMax: number = 10_000

/** Topics that one sweep step looks at. 500 × ~4 µs = 2 ms. */
export const sweepTopicsMax: number = 500

/**
 * What retention removes by a bound per topic is kept for the tails of other processes until it is this old, in
 * milliseconds: 200 times the pause between two looks, so that only a process that stood still misses something.
 */
export const leavingMs: number = 10_000

/** Of `maxBytes`, removed records that are kept for tails get this share beside the others. */
export const leavingShare: number = 1 / 8

/** Pause between two steps of a sweep that did not finish, in milliseconds. */
export const sweepPauseMs: number = 5

/** Pause between two sweeps, in milliseconds: removal by age may be this late. */
export const sweepIntervalMs: number = 1_000

/**
 * Records an append's own transaction removes beyond twice what it adds. Twice, so that a log that is over its bound
 * comes back under it however fast it is written.
 */
export const trimExtraMax: number = 200

/** Between two looks for slots of readers that died, in milliseconds. A dead reader keeps old pages from being reused. */
export const readerCheckMs: number = 10_000

/** Default time between two looks at what other processes appended, in milliseconds, should a wake-up be missed. */
export const pollDefaultMs: number = 50

/** What may be asked for instead: not a loop without a pause, and not a minute until another process's events are seen. Milliseconds. */
export const pollRangeMs: { readonly from: number; readonly to: number } = { from: 1, to: 60_000 }

/** Trim marks looked at, newest first, before the topics of a set are asked instead. 5,000 × ~1 µs = 5 ms. */
export const marksLookedMax: number = 5_000

/** Bytes that must be free to begin a log: 16 pages of 4 KiB for LMDB's first state and ours. */
export const newDataBytes: number = 64 * 1024

/**
 * Of `maxBytes`, topics without records get this share beside the records. A topic per event is the worst log: with names of
 * 250 bytes 2.2 × a limit of 64 MiB on the disk. Of less it is more, because each transaction writes most pages of the topics
 * anew, and LMDB keeps three copies: 2.9 × 16 MiB, 5 × 4 MiB, 5.6 × 2 MiB, 6.6 × 1 MiB. Keys come on top; `idempotencyBytesMin`.
 */
export const emptyShare: number = 1 / 8

/**
 * What topics without records may take at least, whatever `maxBytes` says. 256 KiB ÷ 270 = 970 of 30 bytes. Below 2 MiB it is more than
 * the share: of 1 MiB a quarter. The file then takes some 7 MiB, however small the limit.
 */
export const emptyTopicsBytesMin: number = 256 * 1024

/** What a topic without records takes on the disk: measured 225 bytes with a name of 30 bytes, 518 with 100, 1,180 with 250. */
export const emptyOverheadBytes: number = 150
export const emptyNameCopies: number = 4

/** Topics without records that a transaction forgets beyond twice those it has changed. 200 × ~10 µs = 2 ms. */
export const emptyForgottenMax: number = 200

/** Between two looks whether the directory is still there and the clock can be right, in milliseconds. ~10 µs each. */
export const lookMs: number = 1_000

/**
 * A clock that has left so much out since the records before tells of a stop, or of a wrong clock, in milliseconds. Restarts are
 * shorter; a machine that takes local time for UTC is wrong by an hour.
 */
export const clockJumpMs: number = 30 * 60_000

/**
 * After such a jump nothing is removed by age for this long, in milliseconds. The machine's time service sets a wrong clock within
 * a minute of finding the network, and an operator has time to read the warning. Of 24 hours it is 0.7 %.
 */
export const ageHoldMs: number = 10 * 60_000

/** Records, and bytes of them, that one step of a clock's repair dates anew. 10,000 × ~10 µs = 0.1 s in which no one else writes. */
export const repairRecordsMax: number = 10_000
export const repairBytesMax: number = 16 * 1024 * 1024

/** Bytes read at once while a data file is looked through without LMDB: 8 pages of 4 KiB for one call of ~5 µs. */
export const stretchBytes: number = 32 * 1024

/** Of these so many are kept, because neighbours in a tree are often neighbours in the file: 16 MiB. */
export const cachedStretchesMax: number = 512

/** Pages behind the first two that are looked at for traces of LMDB. 8 sizes of pages × 16 × ~1 µs = 0.1 ms, of a damaged file. */
export const tracedPages: number = 18

/** Pages a tree may be deep; `CURSOR_STACK` of LMDB. 32 levels of 2 nodes are 2^32 pages. */
export const treeDepthMax: number = 32

/** Leaf pages looked at before other work has its turn. 100 × ~50 µs = 5 ms. */
export const walkPagesPerTurn: number = 100

/** Newest values per key that a check compares with their records; a set of 4 million numbers takes ~200 MB. */
export const latestCheckedMax: number = 4_000_000

/**
 * Looks at a data file that another process commits to meanwhile, before it is taken for sound: a process that commits that often
 * has looked at it itself.
 */
export const looksMax: number = 3

/** Bytes copied at once while a backup is restored. */
export const copyBytes: number = 1024 * 1024

/** Between two looks at how far LMDB has come with a copy, in milliseconds. */
export const copyLookMs: number = 100

/**
 * Files that nobody has written to for so long are not being copied over any more, in milliseconds. A copy writes without pauses; a
 * hub whose processes have all died of it waits once.
 */
export const copyQuietMs: number = 1_000

/** So often a worker looks whether a copy goes on. 600 × 1 s = 10 minutes, 600 GB at 1 GB/s; then the check of the data decides. */
export const copyLooksMax: number = 600

/** Looks at a busy data file before it is taken for held. 20 × ~1 ms, while a commit takes 0.3 ms and more. */
export const busyLooksMax: number = 20
