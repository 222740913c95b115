// What a client says it can decode (RFC 9110 §12.5.3).

/** Whether an `Accept-Encoding` header takes gzip: it is named, or covered by `*`, with a weight above zero. */
export function acceptsGzip(header: string | undefined): boolean {
  if (header === undefined) return false
  let isAnyTaken = false
  for (const entry of header.split(',')) {
    const [name = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase())
    const isTaken = !parameters.some((parameter) => /^q=0(?:\.0{0,3})?$/.test(parameter))
    if (name === 'gzip' || name === 'x-gzip') return isTaken
    if (name === '*') isAnyTaken = isTaken
  }
  return isAnyTaken
}
