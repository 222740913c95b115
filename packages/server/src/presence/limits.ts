// The limits of what nodes tell each other of their sessions, with their arithmetic.

/** For a node without others, and for several. */
export interface PresenceTimes {
  readonly alone: number
  readonly together: number
}

/**
 * How long a node counts that has not been heard of. Milliseconds: 2.5 or 3 times the pause below. The clocks
 * of machines may be half a minute apart.
 */
export const nodeExpiryMs: PresenceTimes = { alone: 150_000, together: 45_000 }

/** How seldom a node says that it is there: one small record each time. Milliseconds. */
export const nodeRefreshMs: PresenceTimes = { alone: 60_000, together: 15_000 }

/** The same of a node that keeps presence: 20 small records per minute. Milliseconds. */
export const nodeFastRefreshMs: number = 3_000

/**
 * The range of that pause in what a node says of itself, in milliseconds: up to the pause of nodes that keep
 * no presence. Another pause counts as none.
 */
export const nodePaceRangeMs: { readonly from: number; readonly to: number } = {
  from: 100,
  to: 15_000,
}

/**
 * A node counts as gone that was silent for so many of its pauses: 9 s, and one look more. With the pause
 * before a leave is told, that is less than 15 s. Each node measures by itself, whatever the clock of another
 * machine says.
 */
export const nodeSilentPauses: number = 3

/** How often silence is looked at, in milliseconds. Longer pauses are this node's own standstill. */
export const nodeLookMs: number = 500

/** How soon a node tells again what the log did not take, or asks for what it has missed. Milliseconds. */
export const tellAgainMs: number = 1_000

/**
 * The pause between two records that tell of sessions. Milliseconds. Each node writes ten a second at most,
 * and what is told is known on other nodes 0.1 s later.
 */
export const tellPauseMs: number = 100

/** Sessions that one record tells of: 1,000 × ~350 characters = 350 KB, mostly a tenth of it. */
export const toldSessionsMax: number = 1_000

/** Characters of those sessions, from which on the rest goes with the next record. 256 Ki × 2 bytes. */
export const toldCharactersMax: number = 256 * 1024

/** How long a process that ends waits for the log to take that its sessions are gone. Milliseconds. */
export const goneWaitMs: number = 1_000

/** Rules of presence. As of other kinds of rules: 1,000 × ~20 ns for the first look at a topic. */
export const presenceRulesMax: number = 1_000

/**
 * Topics in which a session is present; those behind them in its list of topics do not show it. 10,000
 * sessions × 50 topics that nobody else is in × ~600 bytes = 300 MB on each node. Most have one or two.
 */
export const presenceTopicsMax: number = 50

/** Characters of what a session shows of its user, as JSON. 10,000 × 512 × 2 bytes = 10 MB per node. */
export const presenceCharactersMax: number = 512

/** Users that one page tells. 1,000 × (256 + 512) characters, which escapes may make six times as many. */
export const presenceUsersMax: number = 1_000

/** Users of a page where the client names no number. */
export const presenceUsersDefault: number = 100

/** How long an answer waits for sessions of other nodes that this one does not know yet. Milliseconds. */
export const presenceWholeMs: number = 1_000

/** Answers that wait so at a time; those behind them come at once, and say that some may be missing. */
export const presenceWaitersMax: number = 1_000

/**
 * Names that may come to a topic and go between two of its pages before all are sorted anew. Each costs a
 * move of the list, 50 µs with 100,000 names; sorting them costs 100 ms.
 */
export const changedNamesMax: number = 256

/** How long a user must be gone before that is told: who reconnects is back by then. Milliseconds. */
export const leaveAfterMs: number = 3_000

/** So much later another node tells of it, if the one whose turn it is has not. Milliseconds. */
export const leaveLaterMs: number = 1_500

/**
 * How late a leave may be told. A return on another node takes up to `tellPauseMs` to be known, so it is
 * always so late. Milliseconds.
 */
export const leaveLateMs: number = 250

/**
 * For so long a join that its node has announced may lack its event, because that node has died. Others write
 * it then. Milliseconds.
 */
export const joinFreshMs: number = 60_000

/** Joins and leaves that are written at a time. Each takes two appends, which share commits with others. */
export const joinsAtOnceMax: number = 64
