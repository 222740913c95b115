// A server on the address that was asked for, or why not.

import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { HubError } from './errors.ts'
import { backlogMax } from './limits.ts'

/** Where a hub listens. */
export interface Address {
  readonly host: string
  /** 0 for any free one. */
  readonly port: number
  /** The flag that says so. Default `--port`. */
  readonly flag?: string
  /** Set when TLS is spoken there. */
  readonly tls?: object | undefined
}

/**
 * Resolves to the URL when the server listens.
 * @throws HubError `PORT_IN_USE`, `ADDRESS_UNUSABLE`
 */
export async function listen(server: Server, address: Address): Promise<string> {
  const { host, port, tls } = address
  const listening = once(server, 'listening')
  server.listen({ host, port, backlog: backlogMax })
  try {
    await listening
  } catch (error) {
    throw describeListenFault(error, address)
  }
  const bound = server.address() as AddressInfo
  const name = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address
  return `${tls === undefined ? 'http' : 'https'}://${name}:${bound.port}`
}

function describeListenFault(error: unknown, { host, port, flag = '--port' }: Address): HubError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'EADDRINUSE') {
    return new HubError(
      'PORT_IN_USE',
      `Port ${port} on ${host} is in use by another program. Stop it, or choose another port with ${flag}.`,
      { cause: error },
    )
  }
  const reason = error instanceof Error ? error.message : String(error)
  return new HubError(
    'ADDRESS_UNUSABLE',
    `Cannot listen on ${host}:${port}: ${reason}. Choose another --host or ${flag}.`,
    { cause: error },
  )
}
