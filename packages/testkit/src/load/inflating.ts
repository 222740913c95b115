// gzip taken off as it comes in: what a browser does with a compressed stream.

import { constants, createGunzip } from 'node:zlib'
import type { Gunzip } from 'node:zlib'
import type { StreamListener } from '../traffic/door.ts'

/**
 * A listener that hands on what a gzip stream holds, as soon as it can be read; a body that is not
 * compressed goes through.
 */
export function inflating(listener: StreamListener): StreamListener {
  let gunzip: Gunzip | undefined
  let isOver = false
  return {
    opened(status, headers) {
      listener.opened(status, headers)
      if (headers.get('content-encoding') !== 'gzip') return
      gunzip = createGunzip({ flush: constants.Z_SYNC_FLUSH })
      gunzip.on('data', (chunk: Buffer) => {
        if (!isOver) listener.bytes(chunk)
      })
      gunzip.on('error', (error) => {
        if (!isOver) listener.broken(error)
      })
    },
    bytes(chunk) {
      if (gunzip === undefined) listener.bytes(chunk)
      else gunzip.write(chunk)
    },
    broken: (error) => listener.broken(error),
    ended() {
      // The bytes not inflated by then have not been received; they come again.
      isOver = true
      gunzip?.destroy()
      listener.ended()
    },
  }
}
