// Every limit of every published room, read from the code.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rootFolder } from '../read-rooms.ts'

/** The modules that hold limits, by the name their limits go by here. */
const modules: Readonly<Record<string, string>> = {
  wire: 'packages/wire/src/limits.ts',
  log: 'packages/log/src/limits.ts',
  'log-lmdb': 'packages/log-lmdb/src/limits.ts',
  server: 'packages/server/src/limits.ts',
  framing: 'packages/server/src/framing/limits.ts',
  request: 'packages/server/src/request/limits.ts',
  session: 'packages/server/src/session/limits.ts',
  'catch-up': 'packages/server/src/catch-up/limits.ts',
  control: 'packages/server/src/control/limits.ts',
  send: 'packages/server/src/send/limits.ts',
  trace: 'packages/server/src/trace/limits.ts',
  presence: 'packages/server/src/presence/limits.ts',
  consumers: 'packages/server/src/consumers/limits.ts',
  scheduled: 'packages/server/src/scheduled/limits.ts',
  'own-stream': 'packages/server/src/own-stream/limits.ts',
  access: 'packages/access/src/limits.ts',
  client: 'packages/client/src/limits.ts',
  hub: 'packages/hub/src/limits.ts',
  'hub-tls': 'packages/hub/src/tls/limits.ts',
  'hub-webhooks': 'packages/hub/src/webhooks/limits.ts',
  'hub-access': 'packages/hub/src/config/limits.ts',
  cli: 'packages/cli/src/limits.ts',
  'cli-bench': 'packages/cli/src/bench/limits.ts',
}

/** Limits by `room.name`; those with parts by `room.name.part`. */
export type Limits = ReadonlyMap<string, number>

/** Reads them all. The packages must be built. */
export async function readLimits(): Promise<Limits> {
  const limits = new Map<string, number>()
  for (const [room, path] of Object.entries(modules)) {
    const file = join(rootFolder, path)
    if (!existsSync(file)) throw new Error(`There are no limits at ${path}.`)
    const exported = (await import(pathToFileURL(file).href)) as Record<string, unknown>
    for (const [name, value] of Object.entries(exported)) collect(limits, `${room}.${name}`, value)
  }
  return limits
}

function collect(limits: Map<string, number>, name: string, value: unknown): void {
  if (typeof value === 'number') {
    limits.set(name, value)
    return
  }
  if (typeof value !== 'object' || value === null)
    throw new Error(`${name} is neither a number nor made of numbers.`)
  for (const [part, inner] of Object.entries(value)) collect(limits, `${name}.${part}`, inner)
}
