// HTTP/2 by hand, frame by frame (RFC 9113 §4.1): what no client library would send.

import { once } from 'node:events'
import { connect } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { onTestFinished } from 'vitest'

const types = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, window: 8 } as const

export function frame(
  type: keyof typeof types,
  { flags = 0, stream = 0 }: { readonly flags?: number; readonly stream?: number } = {},
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = types[type]
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** A request in literals of HPACK (RFC 7541 §6.2.2); a body may follow, unless `isWhole`. */
export function headers(
  stream: number,
  method: 'GET' | 'POST',
  { path, isWhole }: { readonly path: string; readonly isWhole: boolean },
): Buffer {
  const literal = (index: number, value: string): Buffer =>
    Buffer.concat([Buffer.from([index, value.length]), Buffer.from(value)])
  const start = Buffer.from([method === 'GET' ? 0x82 : 0x83, 0x87])
  const block = Buffer.concat([start, literal(0x04, path), literal(0x01, 'localhost')])
  return frame('headers', { flags: isWhole ? 5 : 4, stream }, block)
}

/** The first bytes of a peer that opens its windows as far as they go, or keeps them shut. */
export function openWindows(windowBytes: 0 | 0x7fff_ffff): Buffer {
  const initial = Buffer.from([0, 4, 0, 0, 0, 0])
  initial.writeUInt32BE(windowBytes, 2)
  const more = Buffer.alloc(4)
  // 65,535 is what a connection has to begin with (RFC 9113 §6.9.2).
  more.writeUInt32BE(0x7fff_ffff - 65_535)
  const settings = frame('settings', {}, initial)
  return windowBytes === 0 ? settings : Buffer.concat([settings, frame('window', {}, more)])
}

/** Ends a stream with an error code. */
export function reset(stream: number, code: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(code)
  return frame('reset', { stream }, payload)
}

/** A connection that has said hello. */
export async function openRaw(port: number): Promise<TLSSocket> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    ALPNProtocols: ['h2'],
    rejectUnauthorized: false,
  })
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => undefined)
  socket.resume()
  await once(socket, 'secureConnect')
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame('settings')]))
  return socket
}
