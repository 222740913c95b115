// Limits of snapshots.

/**
 * Names that a snapshot reads, as many as a subscription may have. 1,000 names and 1,000 rules have up to a
 * million in common. Beyond this limit the names of the subscription are read, and the rest is left out.
 */
export const snapshotNamesMax = 1_000
