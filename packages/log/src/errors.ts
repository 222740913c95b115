// Every error this room and its drivers throw, by code.

/** The meaning of each code and the remedy; `docs/reference/errors.md` is generated from it. */
export const logErrors = {
  TOPIC_INVALID: 'The topic or pattern breaks the rules for topics.',
  TOPIC_SET_INVALID: 'The set of topics of a subscription is empty or too large.',
  EPOCH_INVALID: 'A stored epoch is not one; the data directory is damaged or not ours.',
  RETENTION_INVALID: 'Retention, or a rule of it, is out of range, or leaves something out.',
  BATCH_INVALID: 'The batch is empty, too large for one append, or holds what is no event.',
  IDEMPOTENCY_KEY_INVALID: 'The idempotency key breaks the rules for keys.',
  IDEMPOTENCY_KEY_REUSED:
    'The idempotency key was used for other events; use a new key for new events.',
  HEAD_MOVED:
    'The topic has newer events than the head that the append names; read them, and decide anew.',
  POSITION_INVALID:
    'What was handed in is no position, or one where a tail cannot start: of another log, or ahead of its head.',
  OPTION_INVALID: 'An option or argument of a log is of the wrong type or out of its range.',
  LEDGER_FULL:
    'A ledger holds as many entries or bytes as it may, or the log as many ledgers; delete entries, or let them expire.',
  LOG_CLOSED: 'The log has been closed.',
  LOG_UNAVAILABLE:
    'The storage refused the operation; nothing of it was stored. Try again with the same idempotency key. Of a check or a backup: the data cannot be read.',
  LOG_FORMAT_NEWER:
    'The data was written by a newer version; run that version or another directory.',
  LOG_FORMAT_FOREIGN: 'The directory holds something that is not a Tidemark log.',
  LOG_DAMAGED:
    'The data file is not whole, or not as it was written. Keep it as it is: `tidemark check` says what was seen, `tidemark restore` puts a backup in its place.',
  LOG_DIRECTORY_LOST:
    'The data directory under a running process was removed, moved, replaced or copied over. Nothing is stored until what was there is put back, or every process that holds it is started anew.',
  LOG_HELD:
    'A process holds the directory, and what was asked for needs it for itself; stop the hub first.',
  LOG_NOT_EMPTY:
    'There is something where a backup is to be restored; say that it is to be moved aside, or name another directory.',
  BACKUP_EXISTS:
    'There is a file where the backup is to be written; say that it may be replaced, or name another.',
  LOG_SETTINGS_DIFFER:
    'Another process holds this log with another durability, or is of a version that knows no rules that change.',
  LOG_SUPERSEDED:
    'Another process began to write this log as if nobody held it; nothing more is stored or read here.',
  LOG_NOT_WRITABLE: 'The data directory, or a backup, cannot be created or written.',
} as const

export type LogErrorCode = keyof typeof logErrors

/**
 * Whether an error has a code of a log. Not by its class, because a driver may bring its own copy
 * of this room.
 */
export function hasLogCode(error: unknown, code: LogErrorCode): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/**
 * An error of a log. `code` is stable; the message says what is wrong, what was given, and what to
 * do.
 */
export class LogError extends Error {
  override readonly name = 'LogError'
  readonly code: LogErrorCode

  constructor(code: LogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
