// Every setting that a flag or a variable can give, with the words for `--help`.

/** One setting. Its flag is `--retention-max-age`, its variable `TIDEMARK_RETENTION_MAX_AGE`, its place in the file `retention.maxAge`. */
export interface ConfigOption {
  readonly flag: string
  readonly env: string
  readonly path: readonly string[]
  /** What kind of value it takes, for help: `<port>`. A flag without a value is `true`. */
  readonly value: string | undefined
  readonly default: string
  readonly help: string
}

const described: readonly (readonly [
  path: string,
  value: string,
  initial: string,
  help: string,
])[] = [
  [
    'host',
    '<address>',
    '127.0.0.1',
    'Address to listen on. Anything but loopback needs --insecure for now.',
  ],
  ['port', '<port>', '7070', 'Port to listen on; 0 takes a free one.'],
  [
    'data',
    '<directory>',
    './tidemark-data',
    'Where events are kept. `memory:` keeps them in this process only.',
  ],
  [
    'durability',
    'fsync|commit',
    'fsync',
    'What an acknowledged event survives: power loss (fsync) or the death of the process (commit).',
  ],
  [
    'flush.window',
    'adaptive|<duration>',
    'adaptive',
    'How long events wait to be written together: 0ms to 100ms, or as the load asks for.',
  ],
  [
    'flush.windowMax',
    '<duration>',
    '20ms',
    'The longest an adaptive window grows to, up to 100ms.',
  ],
  ['flush.events', '<count>', '1000', 'Events that wait, at which they are written early.'],
  ['flush.bytes', '<size>', '64KiB', 'Size of the data that waits, likewise.'],
  ['heartbeat', '<duration>', '15s', 'Time between two beats of a stream.'],
  [
    'workers',
    '<count>',
    '1',
    'Processes that serve the port together, to use all cores: 1 to 64, on one data directory.',
  ],
  ['compression', 'true|false', 'true', 'Compress streams (gzip) for clients that accept it.'],
  [
    'delivery.eventsPerSecondMax',
    'none|<count>',
    'none',
    'Events per second of one stream; what is beyond comes later, or as delivery.rules say.',
  ],
  [
    'stalledAfter',
    '<duration>',
    '5m',
    'A client that reads nothing for this long is sent away; it resumes when it comes back.',
  ],
  ['maxSessions', '<count>', '10000', 'Open streams of the hub; each worker takes its share.'],
  [
    'maxTopicSetsBytes',
    '<size>',
    '256MiB',
    'Memory for the topics that open streams name, beyond 4 KiB each; each worker takes its share.',
  ],
  ['maxEventBytes', '<size>', '1MiB', "Size of one event's data."],
  ['maxRequestBytes', '<size>', '8MiB', 'Size of one request body.'],
  ['retention.maxAge', '<duration>', '24h', 'Events older than this are removed.'],
  ['retention.maxBytes', '<size>', '1GiB', 'The oldest events are removed beyond this size.'],
  [
    'tls.cert',
    '<file>',
    '',
    'Certificate in PEM, with those of its issuers: speaks HTTP/2 and HTTP/1.1 over TLS. Needs --tls-key.',
  ],
  ['tls.key', '<file>', '', 'The private key of the certificate, in PEM without a passphrase.'],
  [
    'insecure',
    '',
    'false',
    'Listen beyond this machine without authentication, under any name: whoever reaches the port can read and publish. Web pages of other origins still cannot publish.',
  ],
]

/** All settings with a flag. Rules per pattern (`retention.rules`, `delivery.rules`) are for the file only. */
export const configOptions: readonly ConfigOption[] = described.map(
  ([path, value, initial, help]) => {
    const words = path
      .replaceAll('.', '-')
      .replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    return {
      flag: words,
      env: `TIDEMARK_${words.replaceAll('-', '_').toUpperCase()}`,
      path: path.split('.'),
      value: value === '' ? undefined : value,
      default: initial,
      help,
    }
  },
)
