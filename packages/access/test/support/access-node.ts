// Parts of access over a log, as one node has them.

import { systemClock } from '@tidemark/log'
import type { Clock, EventLog } from '@tidemark/log'
import type { PlainRequest } from '@tidemark/server'
import { Revocations } from '../../src/revocations/revocations.ts'
import { Tickets } from '../../src/tickets/tickets.ts'
import { Warnings } from '../../src/warnings.ts'

export function openRevocations(
  log: EventLog,
  {
    clock = systemClock,
    tokenLifeMs = 24 * 3_600_000,
  }: { clock?: Clock; tokenLifeMs?: number } = {},
): Revocations & { readonly warnings: Warnings } {
  const warnings = new Warnings()
  const claimNames = ['iss', 'sub', 'jti', 'iat', 'tenant']
  return Object.assign(new Revocations({ log, clock, claimNames, tokenLifeMs, warnings }), {
    warnings,
  })
}

export function openTickets(
  log: EventLog,
  clock: Clock = systemClock,
  used?: { readonly ticketsMax: number; readonly bytesMax: number },
): Tickets {
  return new Tickets({ log, clock, ticketLifeMs: 3_600_000, warnings: new Warnings(), used })
}

/** A request for a stream, as a browser sends it. */
export function streamRequest({
  url = '/events?topic=a',
  agent = 'Firefox',
  cursor,
  method = 'GET',
  action = 'subscribe',
  headers = {},
}: {
  url?: string
  agent?: string
  cursor?: string | undefined
  method?: string
  action?: PlainRequest['action']
  headers?: Readonly<Record<string, string>>
} = {}): PlainRequest {
  const all: Record<string, string | undefined> = {
    host: 'example.com',
    'user-agent': agent,
    'last-event-id': cursor,
    ...headers,
  }
  return {
    action,
    topics: ['a'],
    method,
    url,
    address: '192.0.2.1',
    header: (name) => all[name.toLowerCase()],
  }
}
