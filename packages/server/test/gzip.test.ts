// Compressed streams, put together from pieces that all sessions share.

import { createGunzip, crc32, gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Block } from '../src/hub/index.ts'
import type { Sink } from '../src/hub/index.ts'
import { acceptsGzip } from '../src/request/accept-encoding.ts'
import { appendCrc32, shiftOver } from '../src/node/crc32.ts'
import { toGzipPiece } from '../src/node/gzip-piece.ts'
import { compressGzip } from '../src/node/gzip-sink.ts'

class Recorder implements Sink {
  readonly blocks: Buffer[] = []
  isEnded = false

  write(block: Block): boolean {
    this.blocks.push(Buffer.from(block.bytes))
    return true
  }

  end(): void {
    this.isEnded = true
  }

  abort(): void {}
  listen(): void {}
}

const pieces = fc.array(fc.uint8Array({ maxLength: 600 }), { minLength: 1, maxLength: 12 })

test('whatever is written is what any gzip decoder reads, to the checksum at the end', () => {
  fc.assert(
    fc.property(pieces, (parts) => {
      const inner = new Recorder()
      const sink = compressGzip(inner)
      for (const part of parts) sink.write(new Block(part))
      sink.end()
      expect(inner.isEnded).toBe(true)
      expect(gunzipSync(Buffer.concat(inner.blocks))).toEqual(Buffer.concat(parts))
    }),
  )
})

test('each block can be read as soon as it has arrived', async () => {
  const inner = new Recorder()
  const sink = compressGzip(inner)
  const decoder = createGunzip()
  for (const text of ['short', 'long '.repeat(500), 'again']) {
    sink.write(Block.fromText(text))
    const arrived = new Promise<string>((resolve) => {
      let read = ''
      decoder.on('data', function take(chunk: Buffer) {
        read += chunk.toString()
        if (read.length < text.length) return
        decoder.off('data', take)
        resolve(read)
      })
    })
    decoder.write(inner.blocks.at(-1) ?? Buffer.alloc(0))
    expect(await arrived).toBe(text)
  }
})

test('sessions that join at different times share one compression of each block', () => {
  const blocks = ['one', 'two '.repeat(200), 'three'].map((text) => Block.fromText(text))
  const early = new Recorder()
  const late = new Recorder()
  const sinks = [compressGzip(early), compressGzip(late)] as const
  for (const [index, block] of blocks.entries()) {
    sinks[0].write(block)
    if (index > 0) sinks[1].write(block)
    expect(toGzipPiece(block)).toBe(toGzipPiece(block))
  }
  for (const sink of sinks) sink.end()
  expect(gunzipSync(Buffer.concat(early.blocks)).toString()).toBe(`one${'two '.repeat(200)}three`)
  expect(gunzipSync(Buffer.concat(late.blocks)).toString()).toBe(`${'two '.repeat(200)}three`)
})

test('a small block is not made larger by more than five bytes', () => {
  for (const length of [1, 60, 199]) {
    const block = new Block(new Uint8Array(length).map((_, i) => (i * 197) & 0xff))
    expect(toGzipPiece(block).block.bytes.length).toBe(length + 5)
  }
})

test('checksums of pieces add up to that of the whole', () => {
  fc.assert(
    fc.property(pieces, (parts) => {
      const sum = parts.reduce(
        (before, part) => appendCrc32(before, crc32(part), shiftOver(part.length)),
        0,
      )
      expect(sum).toBe(crc32(Buffer.concat(parts)))
    }),
  )
})

test.each([
  ['gzip, deflate, br, zstd', true],
  ['gzip;q=0.5', true],
  ['GZIP', true],
  ['deflate, *', true],
  ['gzip;q=0', false],
  ['gzip; q=0.000, *', false],
  ['*;q=0', false],
  ['br', false],
  ['identity', false],
  ['gzip;q=0.5, identity;q=0.5', true],
  ['gzip;q=0.5, identity', false],
  ['gzip;q=0.8, identity;q=0.9', false],
  ['*;q=0.1, identity;q=0.2', false],
  ['x-gzip;q=0.5, identity;q=0.1', true],
  ['gzip;q=much', false],
  ['', false],
  [undefined, false],
])('Accept-Encoding %o takes gzip: %s', (header, isTaken) => {
  expect(acceptsGzip(header)).toBe(isTaken)
})
