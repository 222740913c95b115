// Every limit of this room, with its arithmetic.

/**
 * Address space reserved for the data file: 1 TiB of the 128 TiB a 64-bit process has. The file
 * itself grows with its data. A map that never has to grow needs no remapping while readers use it.
 */
export const mapBytes: number = 2 ** 40

/** Readers of all processes: one slot each of 64 bytes = 64 KiB of lock file. */
export const readersMax: number = 1_024

/** Named databases of the environment; 11 are in use. */
export const databasesMax: number = 16

/**
 * Events one write transaction takes from the queue. 10,000 × ~6 µs = 60 ms in which no other
 * process writes.
 */
export const groupEventsMax: number = 10_000

/**
 * Characters of data one write transaction takes from the queue; a larger batch goes alone. A
 * transaction's freed pages are reused two transactions later. So about three times this, doubled
 * by page rounding, lies idle on the disk: 12 MiB. It is 48 MiB while all batches are a hub's
 * largest, 8 MiB. Memory holds one transaction, a third of that.
 */
export const groupDataMax: number = 2 * 1024 * 1024

/**
 * Writers wait this long to get into a transaction, in milliseconds. Then storage counts as stuck.
 * This is a hundred times the longest transaction of another process, a sweep's of under 0.1 s. It
 * is below the 15 s and more that publishers wait for an answer.
 */
export const beginWaitMs: number = 10_000

/**
 * Attempts to begin a transaction, after another process's `open` has set the newest state back. An
 * `open` takes 2 ms and sets the state back within some 20 µs of it, twice. Between two of our
 * transactions lie 0.1 ms. With 4 processes that open without a pause, one transaction in 5 is
 * affected. 20 in a row are 0.2^20 = 10^-14, and 2 ms. After that the lock file is one that nobody
 * repairs.
 */
export const staleBeginsMax: number = 20

/** Topics below patterns that are still looked up for every page. 250 × ~1 µs = 0.25 ms. */
export const topicsVisitedMax: number = 250

/**
 * Topics below a set's patterns visited for one page at most. 12,000 × ~1 µs = 12 ms. With more
 * topics the range is scanned, and losses are told more coarsely.
 */
export const topicsEnumeratedMax: number = 12_000

/** Topics merged for one page at most. 10,000 × ~0.5 µs = 5 ms. */
export const mergeTopicsMax: number = 10_000

/** Cost of a seek in one topic, in records looked at by a scan. */
export const seekCost: number = 4

/**
 * Ranges of topics for the literal prefixes of a set. 16 × ~7 look-ups of ~40 µs each = 4 ms per
 * page.
 */
export const topicRangesMax: number = 16

/** Records looked at for one page at most. 5,000 × ~1.5 µs = 8 ms, with a topic of its own for each. */
export const scanRecordsMax: number = 5_000

/**
 * Records looked at to find out how many of them a pattern matches. 1,000 × ~1 µs = 1 ms. These
 * count for the page.
 */
export const probeRecordsMax: number = 1_000

/** Records that one sweep step removes. 500 × ~10 µs = 5 ms. */
export const sweepRecordsMax: number = 500

/** Records that one sweep step looks at. 2,000 × ~1 µs = 2 ms. */
export const sweepLooksMax: number = 2_000

/**
 * Topics over their bound that are remembered by name, 10,000 × ~300 bytes = 3 MB. With more of
 * them, all topics are looked at.
 */
export const topicsOverBoundMax: number = 10_000

/** Topics that one sweep step looks at. 500 × ~4 µs = 2 ms. */
export const sweepTopicsMax: number = 500

/**
 * Records removed by a topic's bound are kept for the tails of other processes until they are this
 * old. Milliseconds. This is 200 times the pause between two polls, so only a process that stood
 * still misses records.
 */
export const removedKeptMs: number = 10_000

/** Share of `maxBytes` for removed records that are kept for tails, beside the other records. */
export const removedShare: number = 1 / 8

/** Pause between two steps of a sweep that did not finish, in milliseconds. */
export const sweepPauseMs: number = 5

/** Pause between two sweeps, in milliseconds: removal by age may be this late. */
export const sweepIntervalMs: number = 1_000

/**
 * Records an append's own transaction removes beyond twice its new ones. Twice, so that a log over
 * its bound comes back under it however fast it is written.
 */
export const trimExtraMax: number = 200

/**
 * Time between two checks for slots of dead readers, in milliseconds. A dead reader keeps old pages
 * from being reused.
 */
export const readerCheckMs: number = 10_000

/**
 * Default time between two polls for records of other processes, in milliseconds, should a wake-up
 * be missed.
 */
export const pollDefaultMs: number = 50

/**
 * Range of that time, in milliseconds. Below 1 it would be a loop without a pause. Above a minute,
 * events of other processes would come too late.
 */
export const pollRangeMs: { readonly from: number; readonly to: number } = { from: 1, to: 60_000 }

/**
 * Trim marks looked at, newest first, before the set's topics are looked at instead. 5,000 × ~1 µs
 * = 5 ms.
 */
export const marksLookedMax: number = 5_000

/** Free bytes needed to begin a log: 16 pages of 4 KiB for LMDB's first state and ours. */
export const newDataBytes: number = 64 * 1024

/**
 * Share of `maxBytes` for topics without records, beside the records. The worst log has one topic
 * per event: with names of 250 bytes it takes 2.2 × a limit of 64 MiB on the disk. Below that the
 * factor grows, because each transaction rewrites most pages of the topics, and LMDB keeps three
 * copies. It is 2.9 for 16 MiB, 5 for 4 MiB, 5.6 for 2 MiB and 6.6 for 1 MiB. Keys come on top; see
 * `idempotencyBytesMin`.
 */
export const emptyShare: number = 1 / 8

/**
 * Bytes that topics without records may always take, whatever `maxBytes` is. 256 KiB ÷ 270 = 970
 * topics of 30 bytes. Below 2 MiB this is more than the share: of 1 MiB a quarter. The file then
 * takes some 7 MiB, however small the limit.
 */
export const emptyTopicsBytesMin: number = 256 * 1024

/**
 * Bytes on the disk of a topic without records. Measured: 225 with a name of 30 bytes, 518 with
 * 100, 1,180 with 250.
 */
export const emptyOverheadBytes: number = 150
export const emptyNameCopies: number = 4

/**
 * Topics without records that a transaction forgets beyond twice those it has changed. 200 × ~10 µs
 * = 2 ms.
 */
export const emptyForgottenMax: number = 200

/** Time between two periodic checks of the directory and the clock, in milliseconds. ~10 µs each. */
export const lookMs: number = 1_000

/**
 * A longer gap between records means a stop or a wrong clock. Milliseconds. Restarts are shorter. A
 * machine that takes local time for UTC is wrong by an hour.
 */
export const clockJumpMs: number = 30 * 60_000

/**
 * How long nothing is removed by age after such a jump, in milliseconds. The machine's time service
 * sets a wrong clock within a minute of finding the network, and an operator has time to read the
 * warning. Of 24 hours it is 0.7 %.
 */
export const ageHoldMs: number = 10 * 60_000

/**
 * Records, and bytes of them, that get new times in one step of a clock's repair. 10,000 × ~10 µs =
 * 0.1 s in which no other process writes.
 */
export const repairRecordsMax: number = 10_000
export const repairBytesMax: number = 16 * 1024 * 1024

/**
 * Bytes read at once while a data file is checked without LMDB: 8 pages of 4 KiB for one call of ~5
 * µs.
 */
export const chunkBytes: number = 32 * 1024

/** Cached chunks. Neighbours in a tree are often neighbours in the file. 512 × 32 KiB = 16 MiB. */
export const cachedChunksMax: number = 512

/**
 * Pages behind the first two that are searched for traces of LMDB. 8 page sizes × 16 × ~1 µs = 0.1
 * ms, for a damaged file only.
 */
export const tracedPages: number = 18

/** Depth of a tree in pages; `CURSOR_STACK` of LMDB. 32 levels of 2 nodes are 2^32 pages. */
export const treeDepthMax: number = 32

/** Leaf pages checked before other work runs. 100 × ~50 µs = 5 ms. */
export const walkPagesPerTurn: number = 100

/**
 * Newest values per key that a check compares with their records. A set of 4 million numbers takes
 * ~200 MB.
 */
export const latestCheckedMax: number = 4_000_000

/**
 * Checks of a data file that another process commits to meanwhile. After that it counts as sound: a
 * process that commits so often has checked it itself.
 */
export const looksMax: number = 3

/** Bytes copied at once while a backup is restored. */
export const copyBytes: number = 1024 * 1024

/** Time between two looks at the progress of LMDB's copy, in milliseconds. */
export const copyLookMs: number = 100

/**
 * How long files must be unchanged before they count as not being copied over, in milliseconds. A
 * copy writes without pauses. A hub waits once, if all of its processes died of the copying.
 */
export const copyQuietMs: number = 1_000

/**
 * Checks of a worker whether a copy goes on. 600 × 1 s = 10 minutes, 600 GB at 1 GB/s. Then the
 * check of the data decides.
 */
export const copyLooksMax: number = 600

/**
 * Attempts to read a busy data file before it counts as held. 20 × ~1 ms, while a commit takes 0.3
 * ms and more.
 */
export const busyLooksMax: number = 20
