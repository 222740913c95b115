// Which products of limits bench/limits.ts fills, and under which name.

/** One filling. */
export interface LimitFilling {
  readonly name: string
  /** As it stands in tools/limits. */
  readonly product: string
}

export const limitFillings: readonly LimitFilling[] = [
  { name: 'feeds', product: 'sessions × names, segments and text of their topic sets' },
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
]
