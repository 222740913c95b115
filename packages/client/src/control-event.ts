// The server's control events: docs/PROTOCOL.md, `tidemark.…`. Members of the wrong type are taken as
// not given.

import type { Bye, Gap, Ready, Snapshot } from './feed.ts'

/** A control event's meaning. Other names are of a newer protocol; their ids count, their data does not. */
export type ControlEvent =
  | { readonly kind: 'ready'; readonly ready: Ready }
  | { readonly kind: 'gap'; readonly gap: Gap }
  | { readonly kind: 'bye'; readonly bye: Bye }
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly kind: 'other' }

/** Reads a control event. */
export function parseControlEvent(type: string, data: string): ControlEvent {
  const members = parseMembers(data)
  const text = (name: string): string => {
    const value = members[name]
    return typeof value === 'string' ? value : ''
  }
  const duration = (name: string): number | undefined => {
    const value = members[name]
    return typeof value === 'number' && value >= 0 ? value : undefined
  }
  switch (type) {
    case 'tidemark.ready':
      return {
        kind: 'ready',
        ready: {
          session: text('session'),
          cursor: text('cursor'),
          // Of 0 there is no half, and nobody beats without a pause: taken as none.
          heartbeatMs: duration('heartbeatMs') || undefined,
          resumed: text('resumed'),
        },
      }
    case 'tidemark.gap':
      return { kind: 'gap', gap: { from: text('from'), to: text('to'), reason: text('reason') } }
    case 'tidemark.bye':
      return { kind: 'bye', bye: { reason: text('reason'), retryMs: duration('retryMs') } }
    case 'tidemark.snapshot':
      return { kind: 'snapshot', snapshot: { phase: text('phase'), topic: text('topic') } }
    default:
      return { kind: 'other' }
  }
}

function parseMembers(data: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(data)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
