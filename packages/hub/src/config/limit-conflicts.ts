// Settings of limits and addresses that cannot be used, or that do nothing.

import { AccessError } from '@tidemark/access'
import { readAddressList } from '@tidemark/access/hub'
import type { Fault } from './fault.ts'
import type { HubConfig } from './hub-config.ts'

const listNames = ['allow', 'deny', 'trustProxy'] as const

/** One fault for each. */
export function findLimitConflicts({ addresses, limits }: HubConfig): readonly Fault[] {
  const faults: Fault[] = []
  for (const name of listNames) {
    const got = addresses[name]
    const isFit = isAddressList(name, got)
    if (isFit) continue
    const wanted =
      'must be addresses and networks such as 192.0.2.1, 192.0.2.0/24, 2001:db8::/32 or loopback'
    faults.push({ kind: 'unfit', path: ['addresses', name], wanted, got })
  }
  const { sessionsPerUser, atUserLimit, streamsPerAddress, slowDownAfter } = limits
  if (sessionsPerUser === 'none' && atUserLimit === 'reject') {
    const wanted = 'must be left out where limits.sessionsPerUser is none'
    faults.push({ kind: 'unfit', path: ['limits', 'atUserLimit'], wanted, got: atUserLimit })
  }
  if ((slowDownAfter ?? 0) >= (streamsPerAddress ?? Infinity)) {
    const wanted = 'must be below limits.streamsPerAddress, beyond which no stream is opened'
    faults.push({ kind: 'unfit', path: ['limits', 'slowDownAfter'], wanted, got: slowDownAfter })
  }
  return faults
}

function isAddressList(name: string, entries: readonly string[]): boolean {
  try {
    readAddressList(`addresses.${name}`, entries)
    return true
  } catch (error) {
    if (error instanceof AccessError) return false
    throw error
  }
}
