// Limits of certificates, and of the port that redirects to https, each with its arithmetic.

/**
 * How often the files of a certificate are read again, for file systems that tell of no changes. Reading
 * and comparing two files of 5 KB takes 0.2 ms: 0.002 % of a core. Milliseconds.
 */
export const certificateLookMs: number = 10_000

/**
 * A changed certificate is taken when two looks so far apart have found the same bytes. certbot writes its
 * files within a few milliseconds. As long as files
 * cannot be used they are read this often: 0.02 % of a core. Milliseconds.
 */
export const certificateSettleMs: number = 1_000

/**
 * Readiness warns when a certificate ends so soon: 14 days. Clients of ACME renew one for 90 days when 30
 * are left, so that renewing has failed for 16 days by then. Milliseconds.
 */
export const endWarningMs: number = 14 * 86_400_000

/**
 * A certificate that the hub signs itself is for so long: 90 days, as those of public authorities. Browsers
 * take 398 days at most. Milliseconds.
 */
export const selfSignedMs: number = 90 * 86_400_000

/**
 * Bytes of a certificate with those of its issuers, and of a key: 64 KiB are a chain of thirty with long
 * names. The supervising process sends both to each worker.
 */
export const certificateBytesMax: number = 64 * 1024

/**
 * Connections to the port that redirects. Each is closed with its answer, and may hold a head of 32 KiB and
 * a piece of a body of 64 KiB: 24 MiB. Further ones are closed unanswered. They are the process's that
 * accepts all others, and no part of `connectionsMax`.
 */
export const redirectConnectionsMax: number = 256
