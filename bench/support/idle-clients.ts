// A process of idle subscribers, started by bench/socket-write.ts: raw sockets that open a stream and
// then only listen.
//
// Arguments: the port, how many. Prints `ready` when each has got its first event; ends when standard
// input does.

import { once } from 'node:events'
import { connect } from 'node:net'

const [port = 0, count = 0] = process.argv.slice(2).map(Number)
const underWay = 200

/** Linux gives one address some 28,000 outgoing ports; all of 127.0.0.0/8 is loopback. */
const perAddress = 20_000

let next = 0
await Promise.all(Array.from({ length: underWay }, openInTurn))
process.stdout.write('ready\n')
process.stdin.resume()
await once(process.stdin, 'end')
process.exit(0)

async function openInTurn(): Promise<void> {
  while (next < count) await open(next++)
}

async function open(index: number): Promise<void> {
  const localAddress = `127.0.0.${1 + Math.floor(index / perAddress)}`
  const socket = connect({ host: '127.0.0.1', port, localAddress })
  socket.write(
    'GET /events?topic=demo HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n',
  )
  socket.once('close', () => {
    process.stderr.write('The server closed a connection.\n')
    process.exit(1)
  })
  let text = ''
  await new Promise<void>((resolve) => {
    socket.on('data', function listen(part: Buffer) {
      text += part.toString('latin1')
      if (!text.includes('data: ')) return
      socket.off('data', listen)
      // From here on what arrives is read and dropped.
      socket.resume()
      resolve()
    })
  })
}
