// Which origins a text of `cors.origins` stands for.

/** One text, taken apart. */
export type OriginPattern =
  /** `*`. */
  | { readonly kind: 'any' }
  /** `https://app.example.org`, as browsers write it. */
  | { readonly kind: 'exact'; readonly origin: string }
  /** `https://*.example.org`: names of one part or more in front. */
  | { readonly kind: 'below'; readonly before: string; readonly after: string }

/** Scheme, host and port as browsers write them (https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin). */
const originShape =
  /^([a-z][a-z0-9+.-]*):\/\/([a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:]+\])(?::(\d{1,5}))?$/

/** Undefined for what no origin can be. */
export function parseOriginPattern(text: string): OriginPattern | undefined {
  if (text === '*') return { kind: 'any' }
  const [before, after, ...more] = text.split('://*.')
  if (after === undefined || before === undefined) {
    return isSerialised(text) ? { kind: 'exact', origin: text } : undefined
  }
  // One name below the root is everybody's: `https://*.org`.
  const isWide = !/^[^:]+\.[^:]+|^localhost(?::|$)/.test(after)
  if (more.length > 0 || isWide || !isSerialised(`${before}://${after}`)) return undefined
  return { kind: 'below', before: `${before}://`, after: `.${after}` }
}

/** Whether an origin, as a browser sends it, is one that a pattern stands for. */
export function matchesOrigin(pattern: OriginPattern, origin: string): boolean {
  if (pattern.kind === 'any') return true
  if (pattern.kind === 'exact') return origin === pattern.origin
  const { before, after } = pattern
  return (
    origin.length > before.length + after.length &&
    origin.startsWith(before) &&
    origin.endsWith(after) &&
    // In between is a name: no user, no port, no second host.
    originShape.test(origin)
  )
}

/** Exactly as a browser would send it: an origin that can never match must not look like one that does. */
function isSerialised(text: string): boolean {
  if (!originShape.test(text)) return false
  // Browsers know the origin of other schemes as it is (`capacitor://localhost`).
  return !/^https?:/.test(text) || (URL.canParse(text) && new URL(text).origin === text)
}
