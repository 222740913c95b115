// Which products of limits bench/limits.ts fills, and under which name.

/** One filling. */
export interface LimitFilling {
  readonly name: string
  /** As it stands in tools/limits. */
  readonly product: string
}

export const limitFillings: readonly LimitFilling[] = [
  { name: 'audiences', product: 'sessions × names, segments and text of their topic sets' },
  {
    name: 'large-live',
    product: 'sessions that stall × the large live or recent event each stalls at',
  },
  { name: 'large-replay', product: 'replaying sessions × a large event of their own' },
  { name: 'recent', product: 'recent records × framings × copies of a frame' },
  {
    name: 'stalled',
    product: 'stalled sessions × what waits for a socket (64 KiB, and the block that passed them)',
  },
  {
    name: 'history',
    product: 'pages of history that are being read × their size, escaped',
  },
  {
    name: 'lines',
    product: 'connections of HTTP/1.1 × requests in line × their headers',
  },
  {
    name: 'topics',
    product: 'records of the memory log × a topic of many segments for each',
  },
  { name: 'empty-topics', product: 'emptied topics × their segments' },
  { name: 'decoder', product: 'one decoder × an id, an event and a line in progress, in parts' },
  { name: 'iterator', product: 'events waiting for a slow iterator × what each costs' },
  { name: 'keys', product: 'idempotency keys × their length' },
  { name: 'rules', product: 'topics × retention rules' },
  { name: 'lag-rules', product: 'topics × lag rules' },
  { name: 'holes', product: 'streams of `tidemark bench` × what each remembers' },
  {
    name: 'subscriptions',
    product: 'subscriptions in bodies × their size and parts (doors of an application)',
  },
  {
    name: 'bodies',
    product: 'request bodies at one time × their size, as bytes that arrive or as text that waits',
  },
  { name: 'small-bodies', product: 'small bodies × the events in each, while the log takes none' },
  {
    name: 'latest',
    product: 'pages of a data file that is looked through, and its newest values per key',
  },
  { name: 'idle-plain', product: 'idle sessions × what a connection of HTTP/1.1 costs' },
  {
    name: 'idle-tls',
    product: 'idle sessions × what a connection of HTTP/2 of its own over TLS costs',
  },
]
