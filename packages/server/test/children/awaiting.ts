// A process that has nothing left but what it awaits: says each thing that came of it, and ends by itself.
// Argument: what to await.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { memoryLog } from '@tidemark/log'
import { createTidemark } from '../../src/index.ts'

const say = (line: unknown): void => void process.stdout.write(`${String(line)}\n`)

/** Takes one subscriber, and shuts down as soon as it is there. */
async function drain(): Promise<void> {
  const log = memoryLog()
  const tide = createTidemark({ authorize: 'everyone', log })
  const server = createServer((request, response) => {
    void tide.subscribe(request, response).then(() => server.emit('subscribed'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  say((server.address() as AddressInfo).port)
  await once(server, 'subscribed')
  server.close()
  await tide.drain()
  say('drained')
  await log.close()
  say('closed')
}

/** Probes a node whose log hands nothing over. */
async function probe(): Promise<void> {
  const log = memoryLog()
  const tail: typeof log.tail = (after) => ({ position: after, close: () => undefined })
  const tide = createTidemark({ authorize: 'everyone', log: Object.assign(log, { tail }) })
  say(await tide.probe(50))
}

/** Leaves a node alone that has had a session, with all its timers: nobody awaits anything. */
async function leaveAlone(): Promise<void> {
  const tide = createTidemark({ authorize: 'everyone', log: memoryLog() })
  const response = await tide.fetch(new Request('http://localhost/?topic=a'))
  await tide.publish('a', { data: 'one' })
  say(response.status)
}

const tasks: Readonly<Record<string, () => Promise<void>>> = { drain, probe, leaveAlone }
await tasks[process.argv[2] ?? '']?.()
