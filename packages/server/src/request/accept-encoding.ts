// The encodings that a client says it can decode (RFC 9110 §12.5.3).

/**
 * Whether an `Accept-Encoding` header takes gzip, named or covered by `*`, at least as gladly as `identity`
 * if it names that.
 */
export function acceptsGzip(header: string | undefined): boolean {
  if (header === undefined) return false
  const weights = new Map<string, number>()
  for (const entry of header.split(',')) {
    const [name = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase())
    weights.set(name === 'x-gzip' ? 'gzip' : name, readWeight(parameters))
  }
  const weight = weights.get('gzip') ?? weights.get('*') ?? 0
  return weight > 0 && weight >= (weights.get('identity') ?? 0)
}

/** A weight that is none counts as a refusal: plain text is what everybody can read. */
function readWeight(parameters: readonly string[]): number {
  const weight = parameters.find((parameter) => parameter.startsWith('q='))
  return weight === undefined ? 1 : Number(/^q=([01](?:\.\d{0,3})?)$/.exec(weight)?.[1] ?? 0)
}
