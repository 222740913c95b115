// The value of a node's entry: what a node says of itself each time that it says that it is there.

import { nodePaceRangeMs } from './limits.ts'

export interface NodeWord {
  /** When it asked last. Others tell it all their sessions when this changes. */
  readonly askedAt: number
  /** It says so again after so many milliseconds; undefined: at its leisure. */
  readonly everyMs: number | undefined
  /** The kinds of sessions that it tells of. */
  readonly tells: readonly string[]
}

export function encodeWord({ askedAt, everyMs, tells }: NodeWord): string {
  return JSON.stringify({ askedAt, everyMs, tells })
}

/** A node of another version is there too, whatever it says. */
export function decodeWord(text: string): NodeWord {
  const said = readObject(text)
  const { askedAt, everyMs, tells } = said
  const { from, to } = nodePaceRangeMs
  const isPace = typeof everyMs === 'number' && everyMs >= from && everyMs <= to
  return {
    askedAt: typeof askedAt === 'number' ? askedAt : 0,
    everyMs: isPace ? everyMs : undefined,
    tells: Array.isArray(tells) ? tells.filter((kind) => typeof kind === 'string') : [],
  }
}

function readObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const said: unknown = JSON.parse(text)
    return typeof said === 'object' && said !== null ? (said as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
