// Every limit of webhooks, with its arithmetic.

/** Webhooks of a hub. Each has a lease: 20 × 60 bytes every 3 s, in one transaction. */
export const webhooksMax: number = 20

/** Characters of a webhook's id, which stands in its deliveries' `webhook-id`, in URLs and in topics. */
export const webhookIdCharactersMax: number = 32

/**
 * Records behind the cursor that are read at a time. So many may be delivered while an older one of another
 * topic is refused. Their cursors stand in the ledger: 64 × 27 characters = 1.7 KB.
 */
export const windowRecordsMax: number = 64

/**
 * Topics that wait behind an event which the endpoint refuses, while the webhook goes on with all others.
 * Each has three cursors and its name in the place: 32 × ~350 bytes = 11 KB, written once a second at most.
 */
export const heldTopicsMax: number = 32

/**
 * Requests of one webhook at a time, each of another topic, so eight connections to an endpoint. Their bodies
 * are of one page of the log: 1.25 Mi characters, as JSON six times as many at worst. As text and as bytes
 * these are 23 MiB, and 25 MiB with the page, for each of 20 webhooks whose endpoints stand still.
 */
export const topicsAtOnceMax: number = 8

/** Time for one attempt, from the lookup of the name to the end of the answer. Milliseconds. */
export const attemptMsMax: number = 15_000

/** Bytes of an answer that are read so that the connection can be used again; more cuts it. */
export const answerBytesMax: number = 16 * 1024

/** How long a connection is kept for the next event. Receivers keep theirs for 5 s or more. Milliseconds. */
export const idleConnectionMs: number = 4_000

/** How long a pause between two attempts is: it doubles, and lasts between half of it and all of it. */
export interface RetryTimes {
  /** Milliseconds. */
  readonly firstMs: number
  /** Milliseconds; of what an endpoint asks for by `Retry-After` too. */
  readonly mostMs: number
}

/** 1, 2, 4 … 256, 300 s: a receiver that was down for a night has 12 requests an hour and topic. */
export const retryTimes: RetryTimes = { firstMs: 1_000, mostMs: 300_000 }

/** How long a node that died keeps a webhook, and how often a living one says that it is there. */
export interface LeaseTimes {
  /** Milliseconds. */
  readonly lifeMs: number
  /** Milliseconds. */
  readonly renewMs: number
  /** A node stops so long before its lease ends, should it not be able to renew it. Milliseconds. */
  readonly marginMs: number
}

/**
 * A renewal may fail, or be late. A node looks after its leases every 3 s, so it stops before they
 * end. Another node takes over within 10 s, and a second of the ledger's.
 */
export const leaseTimes: LeaseTimes = { lifeMs: 10_000, renewMs: 3_000, marginMs: 4_000 }

/**
 * How often a cursor is written while events are delivered. The next node delivers the last second of one
 * that was killed again, with the same `webhook-id`. Milliseconds.
 */
export const saveMs: number = 1_000

/** Events of sessions that wait for a log that takes nothing. 10,000 × ~300 bytes = 3 MB. */
export const hubEventsMax: number = 10_000

/** Topics that the hub's own events are spread over, so that a wave of them is delivered side by side. */
export const hookShards: number = 16

/** Bytes of hub events kept of each of these topics, for an endpoint that is down: 2 × 16 × 4 MiB. */
export const hubEventBytesMax: number = 4 * 1024 * 1024

/** How long a topic is without sessions before that is told: clients come back meanwhile. Milliseconds. */
export const vacatedAfterMs: number = 3_000

/** How long other nodes leave it to the node of a session to tell that a topic is occupied. Milliseconds. */
export const othersTellMs: number = 500

/** How often the cursor of a webhook without events is written. Milliseconds. */
export const saveQuietMs: number = 60_000

/** For how long the place of a webhook is kept that no hub has in its configuration. Milliseconds. */
export const placeKeptMs: number = 30 * 24 * 3_600_000

/** Attempts of a webhook in `GET /admin/webhooks/{id}/deliveries`: as many as `$hub/**` keeps of a topic. */
export const deliveriesListedMax: number = 100

/** Characters of an error in a delivery. */
export const errorCharactersMax: number = 200

/** How long a hub that closes waits for the log to take cursors and sessions' ends. Milliseconds. */
export const closeMs: number = 2_000

/** How long a name may take to be resolved when the hub starts, before it is left for later. Milliseconds. */
export const startLookupMs: number = 5_000
