// A server as the comparison sees it: to be found or named as missing, started, spoken to, measured
// and stopped.

/** One SSE server that takes part, set up as its own documentation advises for load. */
export interface PeerServer {
  /** How `--only` and the tables call it: `nchan`. */
  readonly name: string
  /** Finds or builds it. Must not throw for a server that is simply not installed. */
  readonly prepare: () => Promise<Prepared>
  /**
   * Starts it, for a single core's worth of work where it can choose, and resolves when it answers.
   * Called once per measurement: a server never carries anything from one to the next.
   */
  readonly start: (options: StartOptions) => Promise<RunningPeer>
}

/** A server that can be started, or the reason why not. */
export type Prepared =
  /**
   * The version that ran, and every setting that differs from the server's defaults, for the page's
   * reader.
   */
  | { readonly version: string; readonly settings: string }
  /** The missing part and how to get it: `nginx with nchan; apt-get install libnginx-mod-nchan`. */
  | { readonly missing: string }

export interface StartOptions {
  /** An empty directory for configuration, data and logs; the runner removes it afterwards. */
  readonly directory: string
}

/** A server that answers on 127.0.0.1. */
export interface RunningPeer {
  /** Where it takes subscriptions. */
  readonly port: number
  /** Where it takes publishes, when that is another one. */
  readonly publishPort?: number
  /** The fastest pace of connects that it bears, when 2,000 a second are too many for it. */
  readonly connectsPerSecond?: number
  /**
   * All bytes of the HTTP/1.1 request that subscribes to the topics (usually one). Topics are like
   * `bench/17`.
   */
  subscribeRequest(topics: readonly string[]): string
  /**
   * All bytes of a keep-alive HTTP/1.1 request that publishes `data` to the topic, with its exact
   * Content-Length. The load generator overwrites digits inside `data` by others before each send, so
   * the length never changes. `data` is of letters and digits only, unless the work is for our own hub
   * alone.
   */
  publishRequest(topic: string, data: string): string
  /** Its processes. The CPU time and memory of their descendants count too. */
  pids(): readonly number[]
  stop(): Promise<void>
}
