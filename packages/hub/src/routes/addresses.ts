// `/admin/addresses`: the addresses that are denied or banned, and those that drew attention.

import { AccessError } from '@tidemark/access'
import { AddressList, parseAddressRange } from '@tidemark/access/hub'
import type { AddressRange } from '@tidemark/access/hub'
import { quote, quoteValue } from '@tidemark/wire/values'
import { addressesListedMax } from '../config/limits.ts'
import { parseJson } from '../parse-json.ts'
import { readQuery } from './query.ts'
import { sendJson } from './route.ts'
import type { Route } from './route.ts'

/** Answers `{denied, banned, suspicious}`, the newest first. */
export const listAddresses: Route = async ({ response, query }, context) => {
  readQuery(query, [])
  const { clients, counts } = context
  const [denied, banned] = (['deny', 'ban'] as const).map((kind) =>
    clients.denials.list(kind).toReversed().slice(0, addressesListedMax),
  )
  const suspicious = ((await counts.suspects()) ?? []).slice(0, addressesListedMax)
  sendJson(response, 200, { denied, banned, suspicious })
}

/** Denies an address or a network on all nodes, by a body `{address, reason}`. */
export const denyAddress: Route = async ({ request, response, address: own, query }, context) => {
  readQuery(query, [])
  const entry = await context.bodies.read(request, async (text) => {
    const { address, reason } = readBody(parseJson(text))
    const range = readRange(address)
    if (own !== undefined && new AddressList([range]).has(own)) {
      throw new AccessError(
        'ADDRESS_INVALID',
        `${quote(address)} holds ${own.text}, the address of this request. You would lock yourself out; deny it from another address.`,
      )
    }
    await context.clients.denials.deny(range, reason)
    return { address: range.text, reason }
  })
  sendJson(response, 201, entry)
}

/** Ends the deny or the ban of `?address=`. */
export const releaseAddress: Route = async ({ response, query }, context) => {
  const { address = '' } = readQuery(query, ['address'])
  const range = readRange(address)
  if (!(await context.clients.denials.remove(range))) {
    throw new AccessError(
      'ADDRESS_UNKNOWN',
      `${range.text} is neither denied at run time nor banned. GET /admin/addresses lists those that are.`,
    )
  }
  sendJson(response, 200, { address: range.text })
}

function readRange(address: string): AddressRange {
  const range = parseAddressRange(address)
  if (range !== undefined) return range
  throw new AccessError(
    'ADDRESS_INVALID',
    `address must be such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32; got ${quote(address)}.`,
  )
}

function readBody(body: unknown): { readonly address: string; readonly reason: string } {
  const members = typeof body === 'object' && body !== null ? Object.entries(body) : []
  const { address, reason, ...rest } = Object.fromEntries(members) as Readonly<
    Record<string, unknown>
  >
  if (typeof address === 'string' && typeof reason === 'string' && Object.keys(rest).length === 0)
    return { address, reason }
  throw new AccessError(
    'ADDRESS_INVALID',
    `The body must be such as {"address":"192.0.2.0/24","reason":"scrapes prices"}; got ${quoteValue(body)}.`,
  )
}
