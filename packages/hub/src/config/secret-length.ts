// How long a secret must be: as the hash of its signature (RFC 7518 §3.2).

/** `must have 32 bytes…`, for a secret that is shorter than its algorithms ask for. */
export function describeShortSecret(
  byteCount: number,
  algorithms: readonly string[],
): string | undefined {
  const bits = algorithms.map((name) => Number(/^HS(\d{3})$/.exec(name)?.[1] ?? 0))
  const most = Math.max(256, ...bits)
  const wanted = most / 8
  if (byteCount >= wanted) return undefined
  return `must have ${wanted} bytes at least for HS${most}, and has ${byteCount} (make one with: openssl rand -base64 ${wanted})`
}
