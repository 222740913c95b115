// Exit codes: the numbers of sysexits.h, so that scripts can tell the cases apart.

/** Exit codes by meaning. The README lists them for users. */
export const exitCodes = {
  /** Everything asked for was done. */
  done: 0,
  /** Something else went wrong; the message says what. */
  failed: 1,
  /** The command line is wrong. */
  usage: 64,
  /** The input cannot be an event, or the hub refused it for good. */
  data: 65,
  /** The hub does not answer, or the port to serve on is taken. */
  unavailable: 69,
  /** The system does not give what is needed: file descriptors, memory, processes. */
  system: 71,
  /** The data directory cannot be created, written or understood. */
  directory: 73,
  /** Reading standard input, data or a backup, or writing standard output failed. */
  io: 74,
  /** The other side does not speak the protocol: the URL is probably not a hub's. */
  protocol: 76,
  /** The hub does not let this caller in. */
  permission: 77,
  /** The configuration is not usable. */
  config: 78,
  /** Ended by a signal before the work was done: 128 and the signal's number. */
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]
