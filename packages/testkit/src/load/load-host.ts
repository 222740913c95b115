// The program under load: a hub, or an application with the library in it.

/** The program under load. */
export interface LoadHost {
  /** Without a slash at its end. */
  readonly url: string
  /** Where the whole log can be read when it is over. Default: `url`. */
  readonly logUrl?: string | undefined
  /** The process whose memory is watched and whose children are its workers. */
  readonly pid: number | undefined
  /** The end of what it has written. */
  readonly output: string
  stop(): Promise<void>
}
