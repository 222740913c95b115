// Devices of one consumer that come and go at two nodes, with sockets that hold bytes back and lose them when
// they are cut. Over all devices every event comes at least once; on each of them once and in order.

import { memoryLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { createDecoder } from '@tidemark/wire'
import type { Decoder } from '@tidemark/wire'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { consumerKeepMs } from '../src/consumers/limits.ts'
import { parseSubscriptionQuery } from '../src/hub/index.ts'
import type { Block, Sink, SinkListener } from '../src/hub/index.ts'
import { createTidemark } from '../src/index.ts'
import { settle } from './support/settle.ts'

/** A device: it remembers its last id while its page is open. */
interface Device {
  readonly got: number[]
  lastEventId: string
  sink: HoldingSink | undefined
}

/** A socket that passes on nothing until it is let go; what it holds is lost when it is cut. */
class HoldingSink implements Sink {
  readonly #decoder: Decoder
  #listener: SinkListener | undefined
  #held: Uint8Array[] = []
  #isCut = false
  isHolding = false

  constructor(device: Device) {
    this.#decoder = createDecoder(
      {
        event: ({ id, type, data }) => {
          device.lastEventId = id
          if (type === 'message') device.got.push(Number(data))
        },
      },
      { lastEventId: device.lastEventId },
    )
  }

  get bytesWaiting(): number {
    return this.#held.reduce((sum, { length }) => sum + length, 0)
  }

  listen(listener: SinkListener): void {
    this.#listener = listener
  }

  write(block: Block): boolean {
    if (this.#isCut) return false
    if (this.isHolding) this.#held.push(block.bytes)
    else this.#decoder.push(block.bytes)
    return this.bytesWaiting < 600
  }

  letGo(): void {
    this.isHolding = false
    for (const bytes of this.#held.splice(0)) this.#decoder.push(bytes)
    this.#listener?.drained()
  }

  end(): void {
    this.cut()
  }

  abort(): void {
    this.cut()
  }

  cut(): void {
    if (this.#isCut) return
    this.#isCut = true
    this.#held = []
    this.#listener?.closed()
  }
}

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('publish' as const), count: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('look' as const), count: fc.nat(2) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('open' as const),
      node: fc.nat(1),
      // A page that comes back has its last id, a new one has none.
      isNew: fc.boolean(),
      device: fc.nat(1),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('hold' as const), device: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('letGo' as const), device: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cut' as const), device: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), node: fc.nat(1) }) },
)

const query = parseSubscriptionQuery(new URLSearchParams('topic=a&consumer=main'), undefined)
const createDevice = (): Device => ({ got: [], lastEventId: '', sink: undefined })

test('whatever devices do, none gets an event twice, and together they get them all', async () => {
  const run = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
    const clock = createFakeClock()
    const log = memoryLog({ clock })
    const createNode = () => createTidemark({ log, clock, heartbeatMs: 3_600_000 })
    const nodes = [createNode(), createNode()]
    const first = createDevice()
    const devices = [first, createDevice()]
    const all = [...devices]
    let published = 0
    const open = async (device: Device, at: number): Promise<void> => {
      device.sink?.cut()
      device.sink = new HoldingSink(device)
      const lastEventId = device.lastEventId === '' ? undefined : device.lastEventId
      const text = new URLSearchParams('topic=a&consumer=main')
      const wanted = lastEventId === undefined ? query : parseSubscriptionQuery(text, lastEventId)
      await nodes[at]?.open(device.sink, wanted, { user: 'ada' })
      await settle(12)
    }
    const look = async (): Promise<void> => {
      clock.advance(consumerKeepMs)
      await settle(12)
    }
    await open(first, 0)
    for (const one of steps) {
      const device = 'device' in one ? devices[one.device] : undefined
      if (one.do === 'publish') {
        for (let i = 0; i < one.count; i++) {
          published += 1
          await nodes[0]?.publish('a', { data: `${published}` })
        }
      } else if (one.do === 'look') for (let i = 0; i <= one.count; i++) await look()
      else if (one.do === 'hold' && device?.sink !== undefined) device.sink.isHolding = true
      else if (one.do === 'letGo') device?.sink?.letGo()
      else if (one.do === 'cut') device?.sink?.cut()
      else if (one.do === 'restart') {
        await nodes[one.node]?.close()
        nodes[one.node] = createNode()
      } else if (one.do === 'open' && device !== undefined) {
        device.sink?.cut()
        const next = one.isNew ? createDevice() : device
        devices[one.device] = next
        if (one.isNew) all.push(next)
        await open(next, one.node)
      }
      await settle(12)
    }
    const last = createDevice()
    all.push(last)
    await open(last, 1)
    await settle(12)
    for (const { got } of all) expect(got).toEqual([...new Set(got)].toSorted((a, b) => a - b))
    const together = new Set(all.flatMap(({ got }) => got))
    expect([...together].toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: published }, (_, i) => i + 1),
    )
    for (const node of nodes) await node.close()
  })
  await fc.assert(run, { numRuns: 200, seed: 20_261_128 })
})
